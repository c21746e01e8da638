"""Labels under which an object could be reached: types that rules already let a subject access in the wanted way."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import or_

from selbox.model.bitset import bitset, members
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind
from selbox.server.extendedrules import Entries
from selbox.server.validity import OBJECT_ROLE

_LARGEST_ATTRIBUTE = 48
"""Types of an attribute that are looked at; one that holds more says nothing about what a subject is meant for."""

_MOST_COMPARED = 40
"""Candidates whose attributes are compared with those of the present type."""

_LEAST_SHARE = 4
"""A type must have one in so many of the present type's attributes: another kind of thing is no choice."""

_WORTH_OF_STEM = 4
"""What a name that begins alike weighs, in attributes in common."""


class LabelChoices:
    """Finds types by what a source may do to them. What it finds are guesses: whoever shows them asks the server first.

    Args:
        policy: the policy.
        entries: gives the ids under which rules may name a type: itself and its attributes.
    """

    def __init__(self, policy: Policy, entries: Entries) -> None:
        self._policy = policy
        self._entries = entries
        roles = (role.types for number, role in enumerate(policy.roles) if number != OBJECT_ROLE)
        kernel = [each.context for each in policy.initial_sids]
        kernel += [each.context for each in policy.genfs_contexts]
        kernel += [each.context for each in policy.filesystem_uses]
        self._processes = reduce(or_, roles, 0)
        self._of_kernel = bitset(each.type for each in kernel if each is not None)
        self._rows: dict[int, list[int]] | None = None
        self._targets: dict[int, dict[int, list[tuple[int, int, int]]]] = {}

    def choices(
        self, source: int, target: int, object_class: int, permissions: int, active: Sequence[bool]
    ) -> Iterator[int]:
        """Iterate over types that a source may access, those first that are most like the present one.

        Args:
            source: type id of the subject.
            target: type id of the object as it is.
            object_class: class id.
            permissions: access vector that rules must allow.
            active: which conditional rules hold.
        """
        entries = self._entries(source)
        by_source = self._class_targets(object_class)
        vectors: defaultdict[int, int] = defaultdict(int)
        own: set[int] = set()
        for entry in by_source.keys() & entries:
            for target_entry, vector, condition in by_source[entry]:
                if active[condition]:
                    vectors[target_entry] |= vector
                    if entry == source:
                        own.add(target_entry)
        types = self._policy.types
        found: dict[int, bool] = {}
        for entry, vector in vectors.items():
            if permissions & ~vector:
                continue
            names = types[entry].types
            if not types[entry].is_attribute:
                found[entry] = entry in own
            elif names.bit_count() <= _LARGEST_ATTRIBUTE:
                for each in members(names):
                    found.setdefault(each, False)
        found.pop(target, None)
        # Nobody gives an object the label of processes nor, unless it has such a one, a label that the kernel gives.
        unsuited = self._processes if self._of_kernel >> target & 1 else self._processes | self._of_kernel
        found = {each: is_own for each, is_own in found.items() if not unsuited >> each & 1}
        return self._ranked(source, target, found)

    def _ranked(self, source: int, target: int, found: dict[int, bool]) -> Iterator[int]:
        types = self._policy.types
        stems = {_stem(types[each].name) for each in (source, target)}

        def rough(each: int) -> tuple[int, str]:
            name = types[each].name
            return -(2 * (_stem(name) in stems) + found[each]), name

        wanted = self._attributes(target)

        def likeness(each: int) -> tuple[int, str]:
            attributes = self._attributes(each)
            score = len(attributes & wanted) - len(attributes ^ wanted)
            return -(score + _WORTH_OF_STEM * -rough(each)[0]), types[each].name

        compared = sorted(found, key=rough)[:_MOST_COMPARED]
        alike = (each for each in compared if _LEAST_SHARE * len(self._attributes(each) & wanted) >= len(wanted))
        yield from sorted(alike, key=likeness)

    def _attributes(self, type_id: int) -> frozenset[int]:
        return self._entries(type_id) - {type_id}

    def _class_targets(self, object_class: int) -> dict[int, list[tuple[int, int, int]]]:
        """Return target entry, access vector and condition of each allow rule of a class, by source entry."""
        found = self._targets.get(object_class)
        if found is None:
            rules = self._policy.rules
            sources, targets, data, conditions = rules.source, rules.target, rules.data, rules.condition
            by_source: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
            for row in self._class_rows().get(object_class, ()):
                by_source[sources[row]].append((targets[row], data[row], conditions[row]))
            found = self._targets[object_class] = dict(by_source)
        return found

    def _class_rows(self) -> dict[int, list[int]]:
        """Return the rows of the allow rules of each class."""
        if self._rows is None:
            rows: defaultdict[int, list[int]] = defaultdict(list)
            rules = self._policy.rules
            allow, classes = int(RuleKind.ALLOW), rules.object_class
            for row, kind in enumerate(rules.kind):
                if kind == allow:
                    rows[classes[row]].append(row)
            self._rows = dict(rows)
        return self._rows


def _stem(name: str) -> str:
    """Return what a name begins with, before its first underscore: `httpd` of `httpd_sys_content_t`."""
    return name.partition("_")[0]
