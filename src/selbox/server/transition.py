"""The context of a new process or object, of a relabelled one, and of a polyinstantiated member."""

from collections.abc import Hashable, Iterable, Sequence

from selbox.diagnostics import SelboxError
from selbox.model.context import Context
from selbox.model.context_text import format_context
from selbox.model.mls import Level, LevelRange
from selbox.model.objectclass import DefaultFrom, DefaultRange, ObjectClass
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind
from selbox.server.classes import SOCKET_CLASSES
from selbox.server.ruleindex import RuleIndex
from selbox.server.validity import OBJECT_ROLE
from selbox.typing import NoReturn

NO_COMMON_RANGE = "no-common-range"
"""Code of the error that ``glblub`` finds no sensitivity common to two ranges."""


class ContextComputer:
    """Computes contexts from one policy.

    Args:
        policy: the policy.
        rules: its type enforcement rules.
    """

    def __init__(self, policy: Policy, rules: RuleIndex) -> None:
        self._policy = policy
        self._rules = rules
        self._tables: _TransitionTables | None = None

    def compute(
        self,
        kind: RuleKind,
        source: Context,
        target: Context,
        object_class: int,
        active: Sequence[bool],
        name: str | None = None,
        undefined: str = "",
    ) -> Context:
        """Compute a context; whether it is valid has not been checked.

        Args:
            kind: ``TYPE_TRANSITION`` for a new process or object, ``TYPE_CHANGE`` for relabelling,
                ``TYPE_MEMBER`` for a member of a polyinstantiated object.
            source: context of the process that acts.
            target: context of the related object: the program, the directory, the object itself.
            object_class: class id of what is labelled.
            active: which conditional rules hold.
            name: last component of a new object's path, for transitions that ask for it.
            undefined: name of the class, where the policy does not define it: it may be a socket all the same.

        Raises:
            SelboxError: code ``no-common-range``, when ``glblub`` finds no sensitivity common to both ranges.

        Source: the kernel's ``security_compute_sid``.
        """
        classes = self._policy.classes
        described = classes[object_class] if object_class < len(classes) else ObjectClass(undefined, None, ())
        is_like_process = described.name == "process" or described.name in SOCKET_CLASSES
        tables = self._tables or self._index()
        new_type = self._rules.resulting_type(kind, source.type, target.type, object_class, active)
        if name is not None:
            named = tables.named.find((object_class, name), self._entries(source), self._entries(target))
            new_type = new_type if named is None else named
        if new_type is None:
            new_type = _default_type(described, source, target, is_like_process)
        role = _default_role(described, source, target, is_like_process)
        user = source.user
        if kind == RuleKind.TYPE_MEMBER or described.default_user is DefaultFrom.TARGET:
            user = target.user
        if kind != RuleKind.TYPE_TRANSITION:
            low = source.range.low
            whole_range = is_like_process and kind == RuleKind.TYPE_CHANGE
            return Context(user, role, new_type, source.range if whole_range else LevelRange(low, low))
        new_role = tables.role.find((object_class, source.role), _ANY_SOURCE, self._entries(target))
        role = role if new_role is None else new_role
        range_index = tables.range.find(object_class, self._entries(source), self._entries(target))
        if range_index is not None:
            return Context(user, role, new_type, self._policy.ranges[range_index])
        return Context(user, role, new_type, self._default_range(described, source, target, is_like_process))

    def _entries(self, context: Context) -> frozenset[int]:
        return self._rules.entries(context.type)

    def _default_range(
        self, described: ObjectClass, source: Context, target: Context, is_like_process: bool
    ) -> LevelRange:
        default = described.default_range
        if default is DefaultRange.UNSPECIFIED or not self._policy.mls:
            return source.range if is_like_process else LevelRange(source.range.low, source.range.low)
        if default is DefaultRange.GLBLUB:
            common = _common_range(source.range, target.range)
            if common is None:
                self._fail_without_common_range(described, source, target)
            return common
        origin, which = default.value.split(" ")
        chosen = source.range if origin == "source" else target.range
        if which == "low-high":
            return chosen
        level = chosen.low if which == "low" else chosen.high
        return LevelRange(level, level)

    def _fail_without_common_range(self, described: ObjectClass, source: Context, target: Context) -> NoReturn:
        contexts = [format_context(self._policy, each) for each in (source, target)]
        words = f"the ranges of `{contexts[0]}` and `{contexts[1]}` share no sensitivity"
        advice = f"`defaultrange {described.name} glblub` needs ranges that overlap"
        raise SelboxError.of(NO_COMMON_RANGE, words, help=advice)

    def _index(self) -> "_TransitionTables":
        tables = self._tables = _TransitionTables(self._policy)
        return tables


class _PairTable:
    """Values by a key and a pair of source and target, each named by type or attribute."""

    __slots__ = ("_values",)

    def __init__(self, rows: Iterable[tuple[Hashable, int, int, int]]) -> None:
        self._values: dict[Hashable, dict[int, dict[int, int]]] = {}
        for key, source, target, value in rows:
            self._values.setdefault(key, {}).setdefault(target, {})[source] = value

    def find(self, key: Hashable, sources: frozenset[int], targets: frozenset[int]) -> int | None:
        """Return the value for any of the sources with any of the targets."""
        by_target = self._values.get(key)
        if by_target is None:
            return None
        for target in by_target.keys() & targets:
            for source in by_target[target].keys() & sources:
                return by_target[target][source]
        return None


_ANY_SOURCE = frozenset({0})
"""Stands for the source in tables whose key already says all about it."""


class _TransitionTables:
    """The transitions that are not type rules.

    Attributes:
        named: (class, object name), source, target -> type.
        range: class, source, target -> index of the range.
        role: (class, source role), :data:`_ANY_SOURCE`, target -> role.
    """

    __slots__ = ("named", "range", "role")

    def __init__(self, policy: Policy) -> None:
        self.named = _PairTable(
            ((each.object_class, each.name), each.source, each.target, each.result) for each in policy.named_transitions
        )
        self.range = _PairTable(
            (each.object_class, each.source, each.target, each.range) for each in policy.range_transitions
        )
        self.role = _PairTable(
            ((each.object_class, each.source), 0, each.target, each.result) for each in policy.role_transitions
        )


def _default_role(described: ObjectClass, source: Context, target: Context, is_like_process: bool) -> int:
    if described.default_role is DefaultFrom.SOURCE:
        return source.role
    if described.default_role is DefaultFrom.TARGET:
        return target.role
    return source.role if is_like_process else OBJECT_ROLE


def _default_type(described: ObjectClass, source: Context, target: Context, is_like_process: bool) -> int:
    if described.default_type is DefaultFrom.SOURCE:
        return source.type
    if described.default_type is DefaultFrom.TARGET:
        return target.type
    return source.type if is_like_process else target.type


def _common_range(source: LevelRange, target: LevelRange) -> LevelRange | None:
    """Return the greatest of the lows to the least of the highs, or None when no sensitivity is common.

    Source: the kernel's ``mls_context_glblub``.
    """
    low = max(source.low.sensitivity, target.low.sensitivity)
    high = min(source.high.sensitivity, target.high.sensitivity)
    if low > high:
        return None
    return LevelRange(
        Level(low, source.low.categories & target.low.categories),
        Level(high, source.high.categories & target.high.categories),
    )
