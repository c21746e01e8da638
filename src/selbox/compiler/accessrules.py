"""Access rules: most of what a policy says, so they are taken in by one loop that asks little of each.

What names and permissions mean in a scope is looked up once and remembered; only what is not remembered yet, or fails,
goes the way that all other statements go.
"""

from collections.abc import Callable, Iterable
from typing import Final

from selbox.compiler.classes import Vectors
from selbox.compiler.identities import Identities
from selbox.compiler.namespace import Place, Scope
from selbox.compiler.origins import Origins
from selbox.compiler.program import Program, Statement
from selbox.compiler.targets import LOWEST_SPECIAL, SELF, special_pairs
from selbox.language.cil import Form
from selbox.model.rules import RuleKind, Rules

Access = tuple[int, int, Vectors]
"""Source id, target id or a value of :mod:`selbox.compiler.targets`, and what is granted or audited."""

Reader = Callable[[Form, Place], Access]

_KINDS: Final = {"allow": RuleKind.ALLOW, "auditallow": RuleKind.AUDITALLOW, "dontaudit": RuleKind.DONTAUDIT}


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
    """

    def __init__(self, program: Program, identities: Identities, origins: Origins, read: Reader) -> None:
        self._program = program
        self._identities = identities
        self._bits: dict[int, int] = {}
        self._origins = origins
        self._read = read
        self.rules = Rules()
        self._root = _Known()
        for name, symbol in program.root.tables.get("type", {}).items():
            actual = program.actual(symbol)
            if actual.id >= 0:
                self._root.sources[name] = self._root.targets[name] = actual.id
        self._root.targets["self"] = SELF
        self._last: tuple[Scope | None, _Known] = (None, self._root)

    def take(self, statements: Iterable[Statement], write_out: bool) -> None:
        """Take in rules; report what fails, or switch off the optional block around it.

        Args:
            statements: access rules of all kinds.
            write_out: whether to write out targets that are no type.
        """
        rules = self.rules
        kinds = _KINDS
        add_kind = rules.kind.append
        add_source, add_target, add_class = rules.source.append, rules.target.append, rules.object_class.append
        add_data, add_condition, add_origin = rules.data.append, rules.condition.append, rules.origin.append
        numbered = self._origins.statements
        last: Place | None = None
        skipped = single = False
        branch = 0
        known = self._root
        sources, targets, endings = known.sources, known.targets, known.endings
        for statement in statements:
            form, place = statement
            if place is not last:
                last = place
                skipped = place.optional is not None and not place.optional.live
                branch = place.branch
                single = type(place.scope) is Scope and not place.copied
                known = self._known(place.scope)
                sources, targets, endings = known.sources, known.targets, known.endings
            if skipped:
                continue
            try:
                source = sources[form[1]]  # type: ignore[index]  # the shape has been checked: it is an atom
                target = targets[form[2]]  # type: ignore[index]  # likewise
                vectors = endings[id(form[3])]
            except KeyError:
                access = self._learn(form, place, known)
                if access is None:
                    continue
                source, target, vectors = access
            if single:
                numbered.append(statement)
                origin = len(numbered)
            else:
                origin = self._origins.number(form, place)
            kind = kinds[form[0]]  # type: ignore[index]  # likewise
            if target >= LOWEST_SPECIAL and write_out:
                self._write_out((kind, source, target, branch, origin), vectors)
                continue
            for class_id, vector in vectors:
                add_kind(kind)
                add_source(source)
                add_target(target)
                add_class(class_id)
                add_data(vector)
                add_condition(branch)
                add_origin(origin)

    def _write_out(self, rule: tuple[RuleKind, int, int, int, int], vectors: Vectors) -> None:
        """Add the rows of a rule whose target is no type; one of an attribute has rows of types only."""
        kind, source, target, branch, origin = rule
        bits = self._bits.get(source)
        if bits is None:
            bits = self._bits[source] = self._identities.types_of(source)
        for one, other in special_pairs(bits, target, self._identities.types.universe):
            for class_id, vector in vectors:
                self.rules.append(kind, one, other, class_id, vector, branch, origin)

    def check(self, statements: Iterable[Statement]) -> None:
        """Look up the names of the rules in optional blocks; switch off the blocks in which one means nothing."""
        last: Place | None = None
        skipped = False
        known = self._root
        watched = self._program.watched
        for form, place in statements:
            if place is not last:
                last = place
                skipped = place.optional is None or not place.optional.live
                known = self._known(place.scope)
            if not skipped and (
                watched
                or form[1] not in known.sources
                or form[2] not in known.targets
                or id(form[3]) not in known.endings
            ):
                self._learn(form, place, known)

    def _known(self, scope: Scope) -> "_Known":
        """Return what is remembered of a scope; of all but the root only while statement follows on statement."""
        if scope.parent is None:
            return self._root
        if self._last[0] is not scope:
            self._last = (scope, _Known())
        return self._last[1]

    def _learn(self, form: Form, place: Place, known: "_Known") -> Access | None:
        """Read a rule in full and remember what its parts mean; None when it fails."""
        found: list[Access] = []
        self._program.attempt(lambda form, place: found.append(self._read(form, place)), form, place)
        if not found:
            return None
        source, target, vectors = access = found[0]
        known.sources[form[1]] = source  # type: ignore[index]  # the shape has been checked: it is an atom
        known.targets[form[2]] = target  # type: ignore[index]  # likewise
        # INVARIANT: trees outlive the compilation, so that no other form can have this one's identity.
        if vectors:  # one that grants nothing is read in full each time: what it names counts as used
            known.endings[id(form[3])] = vectors
        return access


class _Known:
    """What names and permissions mean in a scope.

    Attributes:
        sources, targets: ids by name.
        endings: classes and access vectors by the identity of the form that says them.
    """

    __slots__ = ("endings", "sources", "targets")

    def __init__(self) -> None:
        self.sources: dict[str, int] = {}
        self.targets: dict[str, int] = {}
        self.endings: dict[int, Vectors] = {}
