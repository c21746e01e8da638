"""Entries become columns all at once, and are what each is by itself; one that is wrong is named with its place."""

import pickle
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selbox.binary.cursor import Cursor
from selbox.binary.kernel.entries import ENTRY, Entries, Limits
from selbox.binary.kernel.entrycolumns import EntryRules
from selbox.diagnostics import SelboxError
from selbox.model.rules import KeyedRules, Rule, RuleKind

ARE_ATTRIBUTES = [False, True, False, False]
CLASSES = 3
TYPE_NUMBERS = [1, 3, 4]

Row = tuple[int, int, int, int, int]

_KEYS = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, CLASSES), st.sampled_from(list(RuleKind)))


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """Draw entries of which each has another key."""
    result = []
    for source, target, object_class, kind in draw(st.lists(_KEYS, unique=True, max_size=40)):
        is_access = kind <= RuleKind.DONTAUDIT
        data = draw(st.integers(0, 0xFFFFFFFF) if is_access else st.sampled_from(TYPE_NUMBERS))
        result.append((source, target, object_class, int(kind), data))
    return result


def checked(*runs: list[Row], are_conditional: bool = False, types: int = 4) -> bytes:
    """Return runs of entries, which stand 100 bytes apart, where there are so many types."""
    data = bytearray()
    places = []
    for run in runs:
        data += bytes(100)
        places.append(len(data))
        data += b"".join(ENTRY.pack(*row) for row in run)
    entries = Entries(Cursor(bytes(data), "f", "rules"), Limits([*ARE_ATTRIBUTES, *[False] * (types - 4)], CLASSES))
    for place, run in zip(places, runs, strict=True):
        entries.add(bytes(data[place : place + ENTRY.size * len(run)]), place)
    return entries.checked(are_conditional=are_conditional)


def rule(row: Row, condition: int = 0) -> Rule:
    """Return what an entry says, by the format's description."""
    source, target, object_class, number, data = row
    kind = RuleKind(number & 0x7FFF)
    if kind is RuleKind.DONTAUDIT:
        data = 0xFFFFFFFF - data
    elif kind > RuleKind.DONTAUDIT:
        data -= 1
    return Rule(kind, source - 1, target - 1, object_class - 1, data, condition)


@given(rows(), rows())
def test_columns_say_what_the_entries_say(one: list[Row], other: list[Row]) -> None:
    other = [row for row in other if row[:4] not in {each[:4] for each in one}]
    found = EntryRules(checked(one, other))
    assert list(found) == [rule(row) for row in one + other]
    assert found.keyed == len(found) == len(one) + len(other)


@given(rows(), rows(), rows())
def test_the_rules_of_branches_are_turned_round(always: list[Row], one: list[Row], other: list[Row]) -> None:
    branches = {5: checked(one, are_conditional=True), 2: checked(other, are_conditional=True)}
    found = EntryRules(checked(always), branches)
    turned = [*[rule(row, 2) for row in reversed(other)], *[rule(row, 5) for row in reversed(one)]]
    assert list(found) == [rule(row) for row in always] + turned
    assert (found.keyed, len(found)) == (len(always), len(always) + len(turned))


@given(rows())
def test_conditional_entries_may_be_switched_on_and_repeat_one_another(given_rows: list[Row]) -> None:
    switched = [(*row[:3], row[3] | 0x8000, row[4]) for row in given_rows]
    found = EntryRules(branches={7: checked(given_rows, switched, are_conditional=True)})
    assert list(found)[::-1] == [rule(row, 7) for row in given_rows + switched]
    assert found.keyed == 0


@given(rows())
def test_rules_that_are_kept_are_kept_as_columns(given_rows: list[Row]) -> None:
    found = pickle.loads(pickle.dumps(EntryRules(checked(given_rows))))  # noqa: S301 - its own
    assert type(found) is KeyedRules
    assert list(found) == [rule(row) for row in given_rows]
    assert found.keyed == len(given_rows)


GOOD: Row = (1, 2, 3, 1, 0xFF)


@pytest.mark.parametrize(
    ("bad", "words", "offset"),
    [
        ((0, 2, 3, 1, 1), "an entry has source number 0 of 4", 0),
        ((5, 2, 3, 1, 1), "an entry has source number 5 of 4", 0),
        ((1, 0, 3, 1, 1), "an entry has target number 0 of 4", 0),
        ((1, 65535, 3, 1, 1), "an entry has target number 65535 of 4", 0),
        ((1, 32768, 3, 1, 1), "an entry has target number 32768 of 4", 0),
        ((1, 2, 4, 1, 1), "an entry has class number 4 of 3", 0),
        ((1, 2, 0, 1, 1), "an entry has class number 0 of 3", 0),
        ((1, 2, 3, 16, 2), "results in number 2, which is no type", 0),
        ((1, 2, 3, 16, 0), "results in number 0, which is no type", 0),
        ((1, 2, 3, 32, 0xFFFFFFFF), "results in number 4294967295, which is no type", 0),
        ((1, 2, 3, 0x8001, 1), "an entry is of kind 0x8001", 6),
        ((1, 2, 3, 1, 0), "an entry stands there for the second time", 0),
    ],
)
def test_the_entry_that_is_wrong_is_named_with_its_place(bad: Row, words: str, offset: int) -> None:
    second = [(3, 3, 1, 1, 1), (3, 3, 2, 1, 1), bad, (3, 3, 3, 1, 1)]
    with pytest.raises(SelboxError) as caught:
        checked([GOOD], second)
    message = caught.value.diagnostics[0].message
    assert words in message
    assert f"section `rules`, byte {100 + ENTRY.size + 100 + 2 * ENTRY.size + offset}:" in message


def test_types_may_be_as_many_as_their_numbers_have_bits_for() -> None:
    given_rows = [(65535, 32768, 3, 1, 1), (32767, 65535, 1, 16, 40000)]
    assert list(EntryRules(checked(given_rows, types=65536))) == [rule(row) for row in given_rows]
    with pytest.raises(SelboxError, match="an entry has target number 40001 of 40000"):
        checked([GOOD, (1, 40001, 3, 1, 1)], types=40000)
    with pytest.raises(SelboxError, match="an entry has source number 0 of 40000"):
        checked([GOOD, (0, 40000, 3, 1, 1)], types=40000)


def test_no_entries_are_no_rules() -> None:
    assert len(EntryRules(checked())) == 0
    with pytest.raises(AttributeError, match="number"):
        _ = EntryRules().number


def test_an_entry_is_as_the_format_says() -> None:
    assert ENTRY.pack(1, 2, 3, 4, 5) == pack("<4HI", 1, 2, 3, 4, 5)
