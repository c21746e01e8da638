"""Access rules: most of what a policy says, so they are taken in by one loop that asks little of each.

What names and permissions mean in a scope is looked up once and remembered; only what is not remembered yet, or fails,
goes the way that all other statements go.
"""

from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Sequence, Set
from itertools import compress, count, groupby
from operator import attrgetter

from selbox.compiler.classes import Vectors
from selbox.compiler.identities import Identities
from selbox.compiler.namespace import Place, Scope
from selbox.compiler.origins import Origins
from selbox.compiler.program import Program, Statement
from selbox.compiler.targets import LOWEST_SPECIAL, SELF, special_pairs
from selbox.language.cil import Form, RuleColumns, RuleRun
from selbox.model.rules import RuleKind, Rules
from selbox.typing import Final

Access = tuple[int, int, Vectors]
"""Source id, target id or a value of :mod:`selbox.compiler.targets`, and what is granted or audited."""

Reader = Callable[[Form, Place], Access]

RunOfRules = tuple[Place, RuleRun]
"""Rules that stand at one place."""

_BRANCH: Final = attrgetter("branch")

_ENOUGH: Final = 1 << 14
"""Rules that are taken in at a time, if no run has more."""

_KINDS: Final = {
    "allow": int(RuleKind.ALLOW),
    "auditallow": int(RuleKind.AUDITALLOW),
    "dontaudit": int(RuleKind.DONTAUDIT),
}


class AccessRules:
    """The rows of access and type rules, and how access rules are read into them.

    Args:
        program: resolves names.
        identities: know the types of attributes.
        origins: numbers statements.
        read: reads one rule in full.

    Attributes:
        rules: the rows so far. A target may be a value of :mod:`selbox.compiler.targets`, and a condition is the number
            of a branch as in :class:`selbox.compiler.namespace.Place`.
        special: the rules that have been written out for each type of their source, as their target depends on it.
    """

    def __init__(self, program: Program, identities: Identities, origins: Origins, read: Reader) -> None:
        self._program = program
        self._identities = identities
        self._bits: dict[int, int] = {}
        self._origins = origins
        self._read = read
        self.rules = Rules()
        self.special: list[Statement] = []
        self._root = _Known()
        for name, symbol in program.root.tables.get("type", {}).items():
            actual = program.actual(symbol)
            if actual.id >= 0:
                self._root.sources[name] = self._root.targets[name] = actual.id
        self._root.targets["self"] = SELF
        self._root.special.add("self")
        self._blocks: dict[Scope, _Known] = {}
        self._last: tuple[Scope | None, _Known] = (None, self._root)

    def take(self, runs: Iterable[RunOfRules], *, write_out: bool) -> None:
        """Take in rules; report what fails, or switch off the optional block around it.

        Args:
            runs: access rules of all kinds.
            write_out: whether to write out targets that are no type.
        """
        live = (run for run in runs if run[0].optional is None or run[0].optional.live)
        for known, together in groupby(live, lambda run: self._known(run[0].scope)):
            while (given := _Gathered(together)).places:
                self._take(given, known, write_out)

    def _take(self, given: "_Gathered", known: "_Known", write_out: bool) -> None:
        """Take in rules of one scope: by columns where a rule has one row, and so most have."""
        without = self._learn_all(given, known)
        if without:
            given.leave_out(without)
        columns, places = given.columns, given.places
        kinds = list(map(_KINDS.__getitem__, columns.keywords))
        sources = list(map(known.sources.__getitem__, columns.sources))
        targets = list(map(known.targets.__getitem__, columns.targets))
        object_classes = list(map(known.classes.__getitem__, columns.endings))
        data = list(map(known.vectors.__getitem__, columns.endings))
        branches = list(map(_BRANCH, places))
        origins = self._origins.number_all(columns.offsets, places)
        several = set(_positions_of(columns.endings, known.several.keys()))
        if write_out:
            special: list[int] = []
            for at in _positions_of(columns.targets, known.special):
                if targets[at] == SELF and self._bits_of(sources[at]) == 1 << sources[at]:
                    targets[at] = sources[at]
                else:
                    several.add(at)
                    special.append(at)
            self.special += map(given.statement, special)
        rules = self.rules
        done = 0
        for at in [*sorted(several), len(kinds)]:
            rules.kind.fromlist(kinds[done:at])
            rules.source.fromlist(sources[done:at])
            rules.target.fromlist(targets[done:at])
            rules.object_class.fromlist(object_classes[done:at])
            rules.data.fromlist(data[done:at])
            rules.condition.fromlist(branches[done:at])
            rules.origin.fromlist(origins[done:at])
            if at in several:
                for source, target in self._pairs(sources[at], targets[at], write_out):
                    for class_id, vector in known.several.get(columns.endings[at], ((object_classes[at], data[at]),)):
                        kind = RuleKind(kinds[at])
                        rules.append(kind, source, target, class_id, vector, branches[at], origins[at])
            done = at + 1

    def _learn_all(self, given: "_Gathered", known: "_Known") -> set[int]:
        """Read in full each rule that has a new part; return those that have no rows."""
        columns = given.columns
        sources, targets, endings = known.sources, known.targets, known.vectors
        parts: tuple[tuple[Sequence[Hashable], Container[Hashable]], ...]
        parts = (columns.sources, sources), (columns.targets, targets), (columns.endings, endings)
        # What the first rule that has a part tells, holds for all that have it; unless that rule fails.
        firsts = sorted({at for column, meanings in parts for at in _first_positions(column, meanings)})
        failed = next((at for at in firsts if not self._learn(*given.statement(at), known)), None)
        if failed is None:
            return set()
        without = {failed}
        unknown = [(column, {part for part in set(column) if part not in meanings}) for column, meanings in parts]
        candidates = {at for column, missing in unknown for at in _positions_of(column, missing)}
        for at in sorted(candidates):
            is_known = (
                columns.sources[at] in sources and columns.targets[at] in targets and columns.endings[at] in endings
            )
            if at > failed and not is_known and not (given.is_live(at) and self._learn(*given.statement(at), known)):
                without.add(at)
        return without

    def _pairs(self, source: int, target: int, write_out: bool) -> Iterable[tuple[int, int]]:
        """Return the sources and targets of a rule's rows; what is written out has types only."""
        if target < LOWEST_SPECIAL or not write_out:
            return ((source, target),)
        return special_pairs(self._bits_of(source), target, self._identities.types.universe)

    def _bits_of(self, source: int) -> int:
        bits = self._bits.get(source)
        if bits is None:
            bits = self._bits[source] = self._identities.types_of(source)
        return bits

    def check(self, runs: Iterable[RunOfRules]) -> None:
        """Look up the names of the rules in optional blocks; switch off the blocks in which one means nothing."""
        inside = (run for run in runs if run[0].optional is not None and run[0].optional.live)
        for known, together in groupby(inside, lambda run: self._known(run[0].scope)):
            while (given := _Gathered(together)).places:
                if not self._program.watched:
                    self._learn_all(given, known)
                    continue
                for at in range(len(given.places)):
                    if given.is_live(at):
                        self._learn(*given.statement(at), known)

    def _known(self, scope: Scope) -> "_Known":
        """Return what is remembered of a scope; of a call or inheritance only while statement follows on statement."""
        if scope.parent is None:
            return self._root
        if type(scope) is Scope:
            return self._blocks.setdefault(scope, _Known())
        if self._last[0] is not scope:
            self._last = (scope, _Known())
        return self._last[1]

    def _learn(self, form: Form, place: Place, known: "_Known") -> bool:
        """Read a rule in full and remember what its parts mean.

        Returns:
            Whether it is one that has rows: it has not failed, and grants something.
        """
        found: list[Access] = []
        self._program.attempt(lambda form, place: found.append(self._read(form, place)), form, place)
        if not found:
            return False
        source, target, vectors = found[0]
        known.sources[form[1]] = source  # type: ignore[index]  # the shape has been checked: it is an atom
        known.targets[form[2]] = target  # type: ignore[index]  # likewise
        if target >= LOWEST_SPECIAL:
            known.special.add(form[2])  # type: ignore[arg-type]  # likewise
        if vectors:  # one that grants nothing is read in full each time: what it names counts as used
            ending: Form = form[3]  # type: ignore[assignment]  # likewise: it is a form
            known.classes[ending], known.vectors[ending] = vectors[0]
            if len(vectors) > 1:
                known.several[ending] = vectors
        return bool(vectors)


class _Known:
    """What names and permissions mean in a scope.

    Attributes:
        sources, targets: ids by name.
        special: names of targets that are no type.
        classes, vectors: what rules grant, or the first of it, by the form that says it.
        several: classes and access vectors where a form says more than one.
    """

    __slots__ = ("classes", "several", "sources", "special", "targets", "vectors")

    def __init__(self) -> None:
        self.sources: dict[str, int] = {}
        self.targets: dict[str, int] = {}
        self.special: set[str] = set()
        self.classes: dict[Form, int] = {}
        self.vectors: dict[Form, int] = {}
        self.several: dict[Form, Vectors] = {}


class _Gathered:
    """Rules of one scope: so many of the next runs that what is made of them does not take much memory at a time.

    Args:
        runs: those that are left; loses what is gathered.

    Attributes:
        columns: what each of them says.
        places: where each of them stands.
    """

    def __init__(self, runs: Iterator[RunOfRules]) -> None:
        self.columns = columns = RuleColumns()
        self.places: list[Place] = []
        whole = RuleRun(columns, 0, 0)
        for place, run in runs:
            self.places += [place] * (run.stop - run.start)
            if run.columns is whole.columns and run.start == whole.stop:
                whole.stop = run.stop
            else:
                columns.extend(whole)
                whole = RuleRun(run.columns, run.start, run.stop)
            if len(self.places) > _ENOUGH:
                break
        columns.extend(whole)

    def statement(self, at: int) -> Statement:
        """Return a rule as others know it."""
        return self.columns.form(at), self.places[at]

    def is_live(self, at: int) -> bool:
        """Tell whether a rule is in no optional block that is off."""
        optional = self.places[at].optional
        return optional is None or optional.live

    def leave_out(self, without: set[int]) -> None:
        """Leave out some of the rules."""
        taken = [at for at in range(len(self.places)) if at not in without]
        self.columns = RuleColumns.of(list(map(self.columns.form, taken)))
        self.places = [self.places[at] for at in taken]


def _first_positions(column: Sequence[Hashable], known: Container[Hashable]) -> Iterator[int]:
    """Yield where in a column each part stands first that is not known."""
    unknown = [part for part in set(column) if part not in known]
    if unknown:
        firsts = dict(zip(reversed(column), range(len(column) - 1, -1, -1), strict=True))
        yield from map(firsts.__getitem__, unknown)


def _positions_of(column: Sequence[Hashable], parts: Set[Hashable]) -> Iterator[int]:
    """Yield where in a column one of some parts stands."""
    if parts:
        yield from compress(count(), map(parts.__contains__, column))
