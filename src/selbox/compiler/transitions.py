"""Writes the attributes of transitions out, drops what is said twice, and finds what contradicts itself.

Source: ``__cil_insert_type_rule``, ``__cil_typetransition_to_avtab_helper``, ``cil_rangetransition_to_policydb`` and
``cil_roletrans_to_policydb`` of libsepol.
"""

from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import compress

from selbox.compiler.resolution import Resolution
from selbox.diagnostics import Diagnostics, Span
from selbox.model.bitset import members
from selbox.model.policy import Policy
from selbox.model.rules import ACCESS_KINDS, UNCONDITIONAL, NamedTransition, RangeTransition, RoleTransition, Rules
from selbox.typing import Protocol, TypeVar

_Transition = TypeVar("_Transition", NamedTransition, RangeTransition, RoleTransition)
_Key = tuple[int, int, int, int]


def settle_transitions(resolution: Resolution, policy: Policy) -> Policy:
    """Return a policy whose transitions name types only, each once; report those that contradict one another."""
    return Settling(policy, resolution.origins, resolution.program.diagnostics).settled()


class Places(Protocol):
    """Knows where in the source statements stand, by their origins."""

    def span(self, number: int, /) -> Span | None:
        """Return its place for a message."""


class Settling:
    """Writes out the transitions of a policy.

    Args:
        policy: whose rules about types, and transitions, name attributes.
        origins: where in the source they stand.
        diagnostics: takes what contradicts itself.
    """

    def __init__(self, policy: Policy, origins: Places, diagnostics: Diagnostics) -> None:
        self._origins = origins
        self._diagnostics = diagnostics
        self._policy = policy
        self._reported: set[tuple[int, int]] = set()
        self._members = [
            tuple(members(each.types)) if each.is_attribute else (index,) for index, each in enumerate(policy.types)
        ]

    def settled(self) -> Policy:
        """Return the policy with its transitions written out."""
        return self._policy._replace(
            rules=self.rules(),
            named_transitions=tuple(
                self.once(self._named(), lambda each: (each.source, each.target, each.object_class, each.name))
            ),
            range_transitions=tuple(
                self.once(self._ranges(), lambda each: (each.source, each.target, each.object_class))
            ),
            role_transitions=tuple(
                self.once(self._roles(), lambda each: (each.source, each.target, each.object_class))
            ),
        )

    def _named(self) -> Iterator[NamedTransition]:
        for each in self._policy.named_transitions:
            for source in self._members[each.source]:
                for target in self._members[each.target]:
                    yield each._replace(source=source, target=target)

    def _ranges(self) -> Iterator[RangeTransition]:
        for each in self._policy.range_transitions:
            for source in self._members[each.source]:
                for target in self._members[each.target]:
                    yield each._replace(source=source, target=target)

    def _roles(self) -> Iterator[RoleTransition]:
        for each in self._policy.role_transitions:
            for target in self._members[each.target]:
                yield each._replace(target=target)

    def once(self, transitions: Iterable[_Transition], key: Callable[[_Transition], Hashable]) -> Iterator[_Transition]:
        """Yield the first transition of each key; report another one that has a different result."""
        seen: dict[Hashable, _Transition] = {}
        for each in transitions:
            first = seen.setdefault(key(each), each)
            if first is each:
                yield each
            elif _result(first) != _result(each):
                self._report(first.origin, each.origin, kind=_kind(each))

    def rules(self) -> Rules:
        """Return the rules: access rules as they are, then those about types, written out."""
        old = self._policy.rules
        rows = old.type_rows()
        if not rows:
            return old
        rules = Rules()
        first = rows[0]
        rest = [old.kind[row] in ACCESS_KINDS for row in range(first, len(old))]
        for column in Rules.__slots__:
            values = getattr(old, column)
            setattr(rules, column, values[:first] + array("I", compress(values[first:], rest)))
        always: dict[_Key, tuple[int, int]] = {}
        self._unconditional(rules, rows, always)
        self._conditional(rules, rows, always)
        return rules

    def _written_out(self, row: int) -> Iterator[_Key]:
        rules = self._policy.rules
        kind, object_class = rules.kind[row], rules.object_class[row]
        for source in self._members[rules.source[row]]:
            for target in self._members[rules.target[row]]:
                yield kind, source, target, object_class

    def _unconditional(self, rules: Rules, rows: list[int], always: dict[_Key, tuple[int, int]]) -> None:
        old = self._policy.rules
        for row in rows:
            if old.condition[row] != UNCONDITIONAL:
                continue
            said = (old.data[row], old.origin[row])
            for key in self._written_out(row):
                first = always.setdefault(key, said)
                if first is said:
                    rules.append(*key, *said[:1], UNCONDITIONAL, said[1])  # type: ignore[arg-type]
                elif first[0] != said[0]:
                    self._report(first[1], said[1])

    def _conditional(self, rules: Rules, rows: list[int], always: dict[_Key, tuple[int, int]]) -> None:
        old = self._policy.rules
        found: list[tuple[_Key, int, int, int]] = []
        conditional: dict[_Key, list[tuple[int, int, int]]] = {}
        for row in rows:
            condition, result, origin = old.condition[row], old.data[row], old.origin[row]
            if condition == UNCONDITIONAL:
                continue
            for key in self._written_out(row):
                first = always.get(key)
                if first is not None:  # said in any case: a conditional rule adds nothing
                    if first[0] != result:
                        self._report(first[1], origin)
                    continue
                earlier = conditional.setdefault(key, [])
                if any(each[:2] == (condition, result) for each in earlier):
                    continue
                self._check_conditional(earlier, condition, result, origin)
                earlier.append((condition, result, origin))
                found.append((key, result, condition, origin))
        for key, result, condition, origin in reversed(found):  # as the reference compiler's lists have them
            rules.append(*key, result, condition, origin)  # type: ignore[arg-type]

    def _check_conditional(self, earlier: list[tuple[int, int, int]], condition: int, result: int, origin: int) -> None:
        opposite = condition + 1 if condition % 2 else condition - 1
        for other_condition, other_result, other_origin in earlier:
            if other_result == result or other_condition == opposite:
                continue
            # Where the other branch has such a rule, the reference compiler does not look for contradictions.
            tolerated = any(each[0] == opposite for each in earlier)
            self._report(other_origin, origin, tolerated)

    def _report(self, first: int, second: int, tolerated: bool = False, kind: str = "transition") -> None:
        if (first, second) in self._reported:
            return
        self._reported.add((first, second))
        origins = self._origins
        report = self._diagnostics.warning if tolerated else self._diagnostics.error
        report(
            f"cil-conflicting-{kind}",
            "this transition contradicts another one of the same source, target and class",
            origins.span(second),
            "remove one of them, or narrow its source or target",
            (("the other one", origins.span(first)),),
        )


def _result(transition: _Transition) -> int:
    return transition.range if isinstance(transition, RangeTransition) else transition.result


def _kind(transition: _Transition) -> str:
    """Return what codes of errors call it: roles have one of their own, since ``secilc`` has a status of its own."""
    return "role-transition" if isinstance(transition, RoleTransition) else "transition"
