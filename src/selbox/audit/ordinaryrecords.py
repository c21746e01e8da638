"""Records as the kernel and most object managers write them, read in a loop that does little for each.

Of most logs a few accesses make up all lines, so that what is said of an access is known again by its text; and where
all differ, few words make them up, so that each is read once. What is passed over here,
:func:`selbox.audit.accesslines.read_accesses` reads, which knows every form; what is found is what it would find.
"""

import re
from collections.abc import Iterable
from functools import partial

from selbox.audit.accesslines import HEAD, MARK, REFINED, AccessLine, LoggedAccess
from selbox.typing import Final

_MOST_WORDS: Final = 1 << 16
"""Words of one kind that are known again; when there are more, all are forgotten, so that memory is bounded."""
_MOST_TEXTS: Final = 1 << 14
"""Texts of accesses that are, likewise."""
_LONGEST: Final = 1 << 10
"""Characters of what is known again."""


class OrdinaryRecords:
    """Reads them."""

    def __init__(self) -> None:
        self._known: dict[str, LoggedAccess] = {}
        self._decisions = _Decisions()
        self._sources = _Words(r"scontext=(\S+)")
        self._targets = _Words(r"tcontext=(\S+)")
        self._classes = _Words(r"tclass=(\w+)")

    def read(self, lines: Iterable[str], first: int) -> tuple[list[AccessLine], list[tuple[int, str]]]:
        """Return the accesses of ordinary records, and all other lines with their numbers.

        Args:
            lines: the lines.
            first: number of the first.
        """
        known, read = self._known, self._read
        if len(known) > _MOST_TEXTS:
            known.clear()
        found: list[AccessLine] = []
        others: list[tuple[int, str]] = []
        make = partial(tuple.__new__, AccessLine)  # without the check of arguments it takes half the time
        for number, line in enumerate(lines, first):
            head, _, rest = line.partition("}")
            start = head.find(MARK)
            if start < 0:
                others.append((number, line))
                continue
            # INVARIANT: names that somebody else chose hold no spaces in a record, so they cannot contain these fields.
            tail = rest.rfind("scontext=")
            text = head[start:] + rest[tail:]
            access = known.get(text) or read(text, head[start:], rest[tail:])
            if access is None or rest.find(MARK) >= 0:
                others.append((number, line))
            else:
                found.append(make((number, line, access)))
        return found, others

    def _read(self, text: str, head: str, tail: str) -> LoggedAccess | None:
        if len(text) > _LONGEST:
            return None
        decision = self._decisions[head]
        if decision is None:
            return None
        try:
            source, target, object_class, *_ = tail.split(" ", 3)
            parts = self._sources[source], self._targets[target], self._classes[object_class]
        except (KeyError, ValueError):
            return None
        access = self._known[text] = tuple.__new__(LoggedAccess, (*decision, *parts, None))
        return access


class _Decisions(dict[str, tuple[bool, tuple[str, ...]] | None]):
    """Whether an access was granted, and its permissions, by the words up to them; None for those that need a look."""

    def __missing__(self, head: str) -> tuple[bool, tuple[str, ...]] | None:
        if len(self) > _MOST_WORDS:
            self.clear()
        found = HEAD.fullmatch(head)
        decision = None if found is None else (found[1] == "granted", tuple(found[2].split()))
        if decision is not None and not REFINED.isdisjoint(decision[1]):
            decision = None  # numbers go with them, which stand elsewhere in each record
        self[head] = decision
        return decision


class _Words(dict[str, str]):
    """Values by the words that give them, such as ``tclass=file``.

    Args:
        form: what such a word looks like.
    """

    def __init__(self, form: str) -> None:
        self._form = re.compile(form)

    def __missing__(self, word: str) -> str:
        found = self._form.fullmatch(word)
        if found is None:
            raise KeyError(word)
        if len(self) > _MOST_WORDS:
            self.clear()
        value = self[word] = found[1]
        return value
