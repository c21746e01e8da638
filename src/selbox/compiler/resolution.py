"""Resolves the statements of a program: all names looked up, all expressions read, everything in tables by id."""

from selbox.compiler.aliases import ALIASED, connect_aliases
from selbox.compiler.calls import check_arguments
from selbox.compiler.classes import Classes
from selbox.compiler.constraints import Constraints
from selbox.compiler.contexts import Contexts
from selbox.compiler.deny import DenyRules
from selbox.compiler.devicelabels import DeviceLabels
from selbox.compiler.errors import StatementError
from selbox.compiler.extended import ExtendedRules
from selbox.compiler.identities import Identities
from selbox.compiler.labelling import Labelling
from selbox.compiler.levels import Levels
from selbox.compiler.logic import LogicOperator, read_logic, stack_depth
from selbox.compiler.namespace import Place, Symbol
from selbox.compiler.orders import number
from selbox.compiler.origins import Origins
from selbox.compiler.program import Program
from selbox.compiler.rules import RuleTables
from selbox.compiler.settings import Settings
from selbox.language.cil import Form
from selbox.model.conditional import BooleanOperator, Conditional
from selbox.typing import Final

MAXIMUM_DEPTH: Final = 10
"""Values that kernels keep while they evaluate the expression of a conditional (``COND_EXPR_MAXDEPTH``)."""


class Known:
    """What a resolution knows beforehand: nothing, when it is of a whole policy.

    Each method is called when its tables are there and no statement has been taken in; ``roles`` when the sets over
    types and roles are known and nothing has been made of them.
    """

    def number(self, program: Program) -> dict[str, list[Symbol]]:
        """Give every declaration its id, as :func:`selbox.compiler.orders.number` does."""
        return number(program)

    def classes(self, classes: Classes) -> None:
        """Take in what is known of classes."""

    def levels(self, levels: Levels) -> None:
        """Take in what is known of levels."""

    def identities(self, identities: Identities) -> None:
        """Take in what is known of types, roles and users."""

    def roles(self, identities: Identities) -> None:
        """Take in which types and roles go together."""


class Resolution:
    """Everything that the emitted policy is made of.

    Args:
        program: the expanded policy.
        only_optional: whether to look only at statements inside optional blocks, to find those that must be switched
            off; what comes of it is then no whole policy.
        known: what is known beforehand.

    Attributes:
        numbered: declarations by kind, in the order of their ids (:func:`selbox.compiler.orders.number`).
        aliases: names of aliases by what they stand for.
        conditionals: expressions by the number of their ``booleanif``.
    """

    def __init__(self, program: Program, only_optional: bool = False, known: Known | None = None) -> None:
        is_part = known is not None  # which places of the whole its statements have, is looked up by their origins
        known = known or Known()
        verify = not only_optional
        self.program = program
        self.origins = Origins(record=verify, apart=is_part)
        connect_aliases(program)
        check_arguments(program)
        self.numbered = known.number(program)
        self.aliases: dict[Symbol, list[str]] = {}
        for flavour in ALIASED:
            for symbol in program.declared(f"{flavour}alias"):
                self.aliases.setdefault(program.actual(symbol), []).append(symbol.name)
        self.classes = Classes(program, self.numbered["class"])
        known.classes(self.classes)
        self.classes.collect(only_optional)
        self.classes.check(only_optional)
        self.settings = Settings(program, self.classes)
        self.settings.collect(only_optional)
        self.levels = Levels(program, self.numbered["category"], verify)
        known.levels(self.levels)
        self.levels.collect(only_optional)
        self.identities = Identities(program, self.numbered, self.levels)
        known.identities(self.identities)
        self.identities.collect(only_optional)
        if verify:
            self._check_sets()
            known.roles(self.identities)
            self.identities.connect()
        self.conditionals: dict[int, Conditional] = {}
        self._read_conditionals(only_optional)
        self.rules = RuleTables(program, self.classes, self.identities, self.levels, self.origins)
        self.rules.collect(only_optional)
        self.denials = DenyRules(program, self.classes)
        self.denials.collect(only_optional)
        self.extended = ExtendedRules(program, self.classes, self.origins)
        self.extended.collect(only_optional)
        if verify:
            self.rules.connect()
        self.constraints = Constraints(program, self.classes, self.identities, self.origins)
        self.constraints.collect(only_optional)
        self.contexts = Contexts(program, self.identities, self.levels, verify)
        self.contexts.collect()
        self.labelling = Labelling(program, self.contexts, self.origins)
        self.labelling.collect(only_optional)
        self.devices = DeviceLabels(program, self.contexts, self.origins)
        self.devices.collect(only_optional)

    def _check_sets(self) -> None:
        """Evaluate every attribute, used or not, so that circles show."""
        self.program.run_declared("typeattribute", self.identities.types.bits)
        self.program.run_declared("roleattribute", self.identities.roles.bits)
        self.program.run_declared("userattribute", self.identities.users.bits)

    def _read_conditionals(self, only_optional: bool) -> None:
        for index, (form, place) in enumerate(self.program.conditionals):
            if place.optional is None:
                if only_optional:
                    continue
            elif not place.optional.live:
                continue
            if place.scope.within_abstract:
                continue

            def read(form: Form, place: Place, index: int = index) -> None:
                terms: list[int | BooleanOperator] = []
                for term in read_logic(form, 1, place):
                    if isinstance(term, LogicOperator):
                        terms.append(term)
                    else:
                        terms.append(self.program.resolve("boolean", form, place, *term).id)
                arities = (0 if isinstance(each, int) else 1 if each is LogicOperator.NOT else 2 for each in terms)
                if stack_depth(arities) > MAXIMUM_DEPTH:
                    raise StatementError(
                        "cil-too-deep",
                        f"kernels keep at most {MAXIMUM_DEPTH} values of an expression at a time; this one needs more",
                        place,
                        form,
                        (1,),
                        "let the deeper operand of each operator stand first",
                    )
                self.conditionals[index] = Conditional(tuple(terms))

            self.program.attempt(read, form, place)
