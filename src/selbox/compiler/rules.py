"""Type enforcement rules, transitions and role rules.

Source: ``cil_binary.c`` of libsepol: which rules the compiled policy holds for a statement.
"""

from selbox.compiler.accessrules import Access, AccessRules
from selbox.compiler.classes import Classes
from selbox.compiler.errors import StatementError
from selbox.compiler.identities import Identities
from selbox.compiler.levels import Levels
from selbox.compiler.namespace import STRINGS, CallScope, Place, Scope, Symbol
from selbox.compiler.origins import Origins
from selbox.compiler.program import Program
from selbox.compiler.targets import LOWEST_SPECIAL, SELF, target_of
from selbox.language.cil import Form
from selbox.model.bitset import members
from selbox.model.mls import LevelRange
from selbox.model.rules import NamedTransition, RangeTransition, RoleAllow, RoleTransition, RuleKind
from selbox.typing import NamedTuple

_TYPE_KINDS = {
    "typetransition": RuleKind.TYPE_TRANSITION,
    "typechange": RuleKind.TYPE_CHANGE,
    "typemember": RuleKind.TYPE_MEMBER,
}


class NeverAllow(NamedTuple):
    """A ``neverallow`` statement, resolved.

    Attributes:
        source: type or attribute.
        target: likewise, or a value of :mod:`selbox.compiler.targets`.
        vectors: what no rule may grant, by class.
        form, place: the statement.
    """

    source: Symbol
    target: Symbol | int
    vectors: tuple[tuple[int, int], ...]
    form: Form
    place: Place


class RuleTables:
    """Rows of every kind of rule, in the order of the statements.

    Attributes:
        access: access and type rules.
        access_rows: how many of the first rows are of access rules.
        unsaid: ids of types and attributes in access rules that hold no permission and have no row.
        neverallows: assertions, checked at the end.
        named_transitions, range_transitions, role_allows, role_transitions: as the policy holds them.
        ranges: ranges that range transitions name by index.
        role_rules: statements about roles: source, target, class or -1, role or -1, and origin.
    """

    def __init__(
        self, program: Program, classes: Classes, identities: Identities, levels: Levels, origins: Origins
    ) -> None:
        self._program = program
        self._classes = classes
        self._identities = identities
        self._levels = levels
        self._origins = origins
        self.access = AccessRules(program, identities, origins, self._access)
        self.access_rows = 0
        self.unsaid: set[int] = set()
        self.neverallows: list[NeverAllow] = []
        self.named_transitions: list[NamedTransition] = []
        self.range_transitions: list[RangeTransition] = []
        self.ranges: dict[LevelRange, int] = {}
        self.role_allows: list[RoleAllow] = []
        self.role_transitions: list[RoleTransition] = []
        self.role_rules: list[tuple[Symbol, Symbol, int, int, int]] = []

    def collect(self, only_optional: bool) -> None:
        """Take in every rule."""
        run = self._program.run
        runs = self._program.rules
        if only_optional:
            self.access.check(runs)
        else:
            self.access.take(runs, write_out=not self._program.statements.get("deny"))
        self.access_rows = len(self.access.rules)
        run("neverallow", self._neverallow, only_optional)
        run("typetransition", self._rule_about_types, only_optional)
        run("rangetransition", self._rangetransition, only_optional)
        run("roleallow", self._roleallow, only_optional)
        run("roletransition", self._roletransition, only_optional)

    def _access(self, form: Form, place: Place) -> Access:
        resolve = self._program.resolve
        source = resolve("type", form, place, 1).id
        target = target_of(self._program, form, place)
        target_id = target if isinstance(target, int) else target.id
        vectors = self._classes.vectors(form, place, 3)
        if not vectors and target_id < LOWEST_SPECIAL:
            self.unsaid |= {source, target_id}
        return source, target_id, vectors

    def _neverallow(self, form: Form, place: Place) -> None:
        source = self._program.resolve("type", form, place, 1)
        target = target_of(self._program, form, place)
        self.neverallows.append(NeverAllow(source, target, self._classes.vectors(form, place, 3), form, place))

    def _type_rule(self, form: Form, place: Place) -> None:
        resolve = self._program.resolve
        source = resolve("type", form, place, 1).id
        target = SELF if form[2] == "self" else resolve("type", form, place, 2).id
        result = self._identities.single("type", form, place, len(form) - 1).id
        origin = self._origins.number(form, place)
        kind = _TYPE_KINDS[form[0]]  # type: ignore[index]  # the statement's keyword is an atom
        for class_id in self._classes.class_ids(form, place, 3):
            self.access.rules.append(kind, source, target, class_id, result, place.branch, origin)

    def _rule_about_types(self, form: Form, place: Place) -> None:
        name = text(form, place, 4) if len(form) == 6 else "*"
        if name == "*":
            self._type_rule(form, place)
        else:
            self._named_transition(form, place, name)

    def _named_transition(self, form: Form, place: Place, name: str) -> None:
        if place.branch:
            raise StatementError(
                "cil-misplaced", "a transition by object name may not be conditional", place, form, (4,)
            )
        resolve = self._program.resolve
        source = resolve("type", form, place, 1)
        targets = [source.id] if form[2] == "self" else [resolve("type", form, place, 2).id]
        sources = [source.id]
        if form[2] == "self" and source.flavour != "type":
            sources = targets = list(members(self._identities.types.bits(source)))
        result = self._identities.single("type", form, place, 5).id
        origin = self._origins.number(form, place)
        for class_id in self._classes.class_ids(form, place, 3):
            for each, target in zip(sources, targets, strict=True):
                self.named_transitions.append(NamedTransition(each, target, class_id, name, result, origin))

    def _rangetransition(self, form: Form, place: Place) -> None:
        resolve = self._program.resolve
        source = resolve("type", form, place, 1).id
        target = resolve("type", form, place, 2).id
        found = self._levels.loose_range(form, place, 4)
        number = self.ranges.setdefault(found, len(self.ranges))
        origin = self._origins.number(form, place)
        for class_id in self._classes.class_ids(form, place, 3):
            self.range_transitions.append(RangeTransition(source, target, class_id, number, origin))

    def _roleallow(self, form: Form, place: Place) -> None:
        resolve = self._program.resolve
        source = resolve("role", form, place, 1)
        target = resolve("role", form, place, 2)
        self.role_rules.append((source, target, -1, -1, self._origins.number(form, place)))

    def _roletransition(self, form: Form, place: Place) -> None:
        resolve = self._program.resolve
        source = resolve("role", form, place, 1)
        target = resolve("type", form, place, 2)
        result = self._identities.single("role", form, place, 4).id
        for class_id in self._classes.class_ids(form, place, 3):
            self.role_rules.append((source, target, class_id, result, self._origins.number(form, place)))

    def connect(self) -> None:
        """Write out the attributes of role rules, once every set is known."""
        roles = self._identities.roles
        for source, target, class_id, result, origin in self.role_rules:
            for source_id in members(roles.bits(source)):
                if class_id < 0:
                    self.role_allows += [RoleAllow(source_id, each, origin) for each in members(roles.bits(target))]
                else:
                    self.role_transitions.append(RoleTransition(source_id, target.id, class_id, result, origin))


def text(form: Form, place: Place, index: int) -> str:
    """Return a plain text of a statement; a macro's parameter of kind ``name`` or ``string`` is replaced."""
    value = form[index]
    assert isinstance(value, str)  # noqa: S101 - the shape has been checked
    scope: Scope | None = place.scope
    while scope is not None:
        if isinstance(scope, CallScope):
            argument = scope.arguments.get((STRINGS, value))
            if argument is None or not isinstance(argument.value, str):
                return value
            value = argument.value
        scope = scope.parent
    return value
