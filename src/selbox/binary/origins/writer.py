"""Makes the file of places of a compiled policy.

Columns ``place.*`` are the places. For each rule of the binary, in its order, ``rule.count`` is how many statements it
was merged from, ``rule.origin`` their places, and ``rule.data`` what each of them says, where they are more than one.
The same of extended rules, whose data is 256 bits. Every other column is a field of the policy: the place of each item.
"""

from array import array
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence

from selbox.binary.kernel import read_policy
from selbox.binary.origins.container import Contents, mismatch, pack
from selbox.binary.origins.fields import FIELDS, Key
from selbox.model.extended import ExtendedRule
from selbox.model.origin import Origin, OriginTable
from selbox.model.policy import Policy
from selbox.model.rules import NO_ORIGIN, RuleKind, Rules
from selbox.typing import Any

_NAME = "the policy"
_FIRST_TYPE_KIND = int(RuleKind.TYPE_TRANSITION)
_PERMISSION_BYTES = 32

Columns = dict[str, "array[int]"]


def write_origins(policy: Policy, binary: bytes) -> bytes:
    """Return the file that says where the rules of a binary were written.

    Args:
        policy: as it was compiled, a row for each statement, with its origins.
        binary: what ``write_policy`` made of it.

    Raises:
        SelboxError: ``origins-mismatch`` when the binary is not this policy's.
    """
    merged = read_policy(binary, _NAME)
    files: dict[str, int] = {}
    columns = _places(policy.origins, files)
    columns |= _rules(policy.rules, merged.rules)
    columns |= _extended(policy.extended_rules, merged.extended_rules)
    for field, key in FIELDS.items():
        column = _aligned(getattr(policy, field), getattr(merged, field), key)
        if any(column):
            columns[field] = column
    return pack(Contents(tuple(files), columns), binary)


def _places(origins: Sequence[Origin], files: dict[str, int]) -> Columns:
    """Return source, line and column of each place; the sources go to ``files``."""
    if isinstance(origins, OriginTable):
        numbers = [files.setdefault(name, len(files)) for name in origins.files]
        starts = origins.line_starts
        lines = [bisect_right(starts[file], offset) for file, offset in zip(origins.file, origins.offset, strict=True)]
        columns = [
            offset - starts[file][line - 1] + 1
            for file, offset, line in zip(origins.file, origins.offset, lines, strict=True)
        ]
        file_column = array("I", map(numbers.__getitem__, origins.file))
    else:
        file_column = array("I", [files.setdefault(each.file, len(files)) for each in origins])
        lines = [each.line for each in origins]
        columns = [each.column for each in origins]
    return {"place.file": file_column, "place.line": array("I", lines), "place.column": array("I", columns)}


def _rules(rules: Rules, merged: Rules) -> Columns:
    """Return the statements of each rule of the binary."""
    keys = list(_keys(merged))
    rows = dict(zip(reversed(keys), reversed(range(len(keys))), strict=True))
    source_keys = list(_keys(rules))
    targets = list(map(rows.get, source_keys))
    if len(rows) < len(keys):
        _spread(rules, source_keys, targets, merged, keys)
    found = [target for target in targets if target is not None]
    if len(found) < len(targets):
        mismatch(_NAME, "a rule of its source is not there")
    data, kinds, results = rules.data, rules.kind, merged.data
    statements = [
        row
        for row, target in enumerate(found)
        if kinds[row] < _FIRST_TYPE_KIND or data[row] == results[target]  # of contradicting type rules one is taken
    ]
    statements.sort(key=found.__getitem__)
    counts = _counts((found[row] for row in statements), len(merged))
    return {
        "rule.count": counts,
        "rule.origin": array("I", map(rules.origin.__getitem__, statements)),
        "rule.data": array("I", [data[row] for row in statements if counts[found[row]] > 1]),
    }


def _keys(rules: Rules) -> Iterable[int]:
    """Return for each rule all but data and origin in one number."""
    return (
        source | target << 16 | object_class << 32 | kind << 48 | condition << 64
        for source, target, object_class, kind, condition in zip(
            rules.source, rules.target, rules.object_class, rules.kind, rules.condition, strict=True
        )
    )


def _spread(
    rules: Rules, source_keys: Sequence[int], targets: list[int | None], merged: Rules, keys: Sequence[int]
) -> None:
    """Give every statement of a conditional its own row where the binary has several rows of one key."""
    several = {key for key, count in Counter(keys).items() if count > 1}
    free: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for row in range(len(keys) - 1, -1, -1):
        if keys[row] in several:
            free[keys[row], merged.data[row]].append(row)
    for row, key in enumerate(source_keys):
        if key in several:
            own = free[key, rules.data[row]]
            targets[row] = own.pop() if own else None


def _counts(targets: Iterable[int], length: int) -> "array[int]":
    """Return how many statements each rule has; every one has some."""
    counts = array("I", bytes(4 * length))
    for target in targets:
        counts[target] += 1
    if length and not min(counts):
        mismatch(_NAME, "it has a rule that its source does not have")
    return counts


def _extended(rules: Sequence[ExtendedRule], merged: Sequence[ExtendedRule]) -> Columns:
    """Return the statements of each extended rule of the binary."""
    rows = {_extended_key(rule): row for row, rule in enumerate(merged)}
    if not all(_extended_key(rule) in rows for rule in rules):
        mismatch(_NAME, "an extended rule of its source is not there")
    statements = sorted(((rows[_extended_key(rule)], rule) for rule in rules), key=lambda each: each[0])
    counts = _counts((row for row, _ in statements), len(merged))
    data = array("I")
    for row, rule in statements:
        if counts[row] > 1:
            words = rule.permissions.to_bytes(_PERMISSION_BYTES, "little")
            data.extend(int.from_bytes(words[at : at + 4], "little") for at in range(0, _PERMISSION_BYTES, 4))
    return {
        "extended.count": counts,
        "extended.origin": array("I", [rule.origin for _, rule in statements]),
        "extended.data": data,
    }


def _extended_key(rule: ExtendedRule) -> Hashable:
    return rule.kind, rule.source, rule.target, rule.object_class, rule.specifier, rule.driver, rule.condition


def _aligned(items: Iterable[Any], merged: Iterable[Any], key: Key) -> "array[int]":
    """Return the origin of each item of the binary: that of the first item of the source that is not taken yet."""
    origins: defaultdict[Hashable, list[int]] = defaultdict(list)
    for item in items:
        origins[key(item)].append(item.origin)
    taken: defaultdict[Hashable, int] = defaultdict(int)
    result = array("I")
    for item in merged:
        what = key(item)
        found = origins.get(what)
        result.append(found[min(taken[what], len(found) - 1)] if found else NO_ORIGIN)
        taken[what] += 1
    return result
