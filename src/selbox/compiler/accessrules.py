"""Access rules: most of what a policy says, so they are taken in by one loop that asks little of each.

What names and permissions mean in a scope is looked up once and remembered; only what is not remembered yet, or fails,
goes the way that all other statements go.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain, compress, groupby

from selbox.compiler.classes import Vectors
from selbox.compiler.identities import Identities
from selbox.compiler.namespace import Place, Scope
from selbox.compiler.origins import Origins
from selbox.compiler.program import Program, Statement
from selbox.compiler.runs import Run
from selbox.compiler.targets import LOWEST_SPECIAL, SELF, special_pairs
from selbox.language.cil import Form
from selbox.model.rules import RuleKind, Rules
from selbox.typing import Any, Final

Access = tuple[int, int, Vectors]
"""Source id, target id or a value of :mod:`selbox.compiler.targets`, and what is granted or audited."""

Reader = Callable[[Form, Place], Access]

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
        self._blocks: dict[Scope, _Known] = {}
        self._last: tuple[Scope | None, _Known] = (None, self._root)

    def take(self, runs: Iterable[Run], *, write_out: bool) -> None:
        """Take in rules; report what fails, or switch off the optional block around it.

        Args:
            runs: access rules of all kinds.
            write_out: whether to write out targets that are no type.
        """
        live = (run for run in runs if run[0].optional is None or run[0].optional.live)
        for known, together in groupby(live, lambda run: self._known(run[0].scope)):
            forms: list[Form] = []
            places: list[Place] = []
            branches: list[int] = []
            for place, run in together:
                forms += run
                places += [place] * len(run)
                branches += [place.branch] * len(run)
            self._take(_Columns(forms, places, branches), known, write_out)

    def _take(self, given: "_Columns", known: "_Known", write_out: bool) -> None:
        """Take in rules of one scope: by columns where a rule has one row, and so most have."""
        given = self._learn_all(given, known)
        kinds = list(map(_KINDS.__getitem__, given.keywords))
        sources = list(map(known.sources.__getitem__, given.sources))
        targets = list(map(known.targets.__getitem__, given.targets))
        vectors = list(map(known.endings.__getitem__, given.endings))
        branches = given.branches
        origins = self._origins.number_all(given.forms, given.places)
        several: set[int] = set()
        if set(map(len, vectors)) != {1}:
            several.update(at for at, each in enumerate(vectors) if len(each) > 1)
        if write_out:
            special: list[int] = []
            for name in (name for name, target in known.targets.items() if target >= LOWEST_SPECIAL):
                for at in _positions(given.targets, name):
                    if targets[at] == SELF and self._bits_of(sources[at]) == 1 << sources[at]:
                        targets[at] = sources[at]
                    else:
                        several.add(at)
                        special.append(at)
            self.special += [(given.forms[at], given.places[at]) for at in sorted(special)]
        rules = self.rules
        done = 0
        for at in [*sorted(several), len(kinds)]:
            rules.kind.fromlist(kinds[done:at])
            rules.source.fromlist(sources[done:at])
            rules.target.fromlist(targets[done:at])
            rules.object_class.fromlist([class_id for ((class_id, _),) in vectors[done:at]])
            rules.data.fromlist([vector for ((_, vector),) in vectors[done:at]])
            rules.condition.fromlist(branches[done:at])
            rules.origin.fromlist(origins[done:at])
            if at in several:
                for source, target in self._pairs(sources[at], targets[at], write_out):
                    for class_id, vector in vectors[at]:
                        kind = RuleKind(kinds[at])
                        rules.append(kind, source, target, class_id, vector, branches[at], origins[at])
            done = at + 1

    def _learn_all(self, given: "_Columns", known: "_Known") -> "_Columns":
        """Read in full each rule that has a new part; leave out those that have no rows."""
        sources, targets, endings = known.sources, known.targets, known.endings
        without = {
            at
            for at, (source, target, ending) in enumerate(zip(given.sources, given.targets, given.endings, strict=True))
            if (source not in sources or target not in targets or ending not in endings)
            and not self._learn(given.forms[at], given.places[at], known)
        }
        if not without:
            return given
        taken = [at not in without for at in range(len(given.forms))]
        forms, places = list(compress(given.forms, taken)), list(compress(given.places, taken))
        return _Columns(forms, places, list(compress(given.branches, taken)))

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

    def check(self, runs: Iterable[Run]) -> None:
        """Look up the names of the rules in optional blocks; switch off the blocks in which one means nothing."""
        watched = self._program.watched
        for place, forms in runs:
            if place.optional is None or not place.optional.live:
                continue
            known = self._known(place.scope)
            sources, targets, endings = known.sources, known.targets, known.endings
            for form in forms:
                if watched or form[1] not in sources or form[2] not in targets or id(form[3]) not in endings:
                    self._learn(form, place, known)

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
        # INVARIANT: trees outlive the compilation, so that no other form can have this one's identity.
        if vectors:  # one that grants nothing is read in full each time: what it names counts as used
            known.endings[id(form[3])] = vectors
        return bool(vectors)


class _Known:
    """What names and permissions mean in a scope.

    Attributes:
        sources, targets: ids by name.
        endings: classes and access vectors by the identity of the form that says them; none of them is empty.
    """

    __slots__ = ("endings", "sources", "targets")

    def __init__(self) -> None:
        self.sources: dict[str, int] = {}
        self.targets: dict[str, int] = {}
        self.endings: dict[int, Vectors] = {}


class _Columns:
    """Rules of one scope, and what each of them says.

    Attributes:
        forms, places, branches: the rules.
        keywords, sources, targets, endings: their parts; the last as in :class:`_Known`.
    """

    def __init__(self, forms: list[Form], places: list[Place], branches: list[int]) -> None:
        self.forms = forms
        self.places = places
        self.branches = branches
        # Every rule has four parts. This is twice as quick as to ask each for each of them.
        parts: list[Any] = list(chain.from_iterable(forms))
        self.keywords: list[str] = parts[0::4]
        self.sources: list[str] = parts[1::4]
        self.targets: list[str] = parts[2::4]
        self.endings = list(map(id, parts[3::4]))


def _positions(column: list[str], name: str) -> Iterator[int]:
    at = -1
    with suppress(ValueError):
        while True:
            at = column.index(name, at + 1)
            yield at
