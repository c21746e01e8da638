"""Security contexts: read, and checked to be ones that an object could have.

Source: ``cil_verify_context`` of libsepol; ``object_r`` is exempt as it is in the kernel's
``policydb_context_isvalid``.
"""

from selbox.compiler.errors import StatementError
from selbox.compiler.identities import Identities
from selbox.compiler.levels import Levels
from selbox.compiler.namespace import Place, Symbol
from selbox.compiler.program import OBJECT_ROLE, Program
from selbox.language.cil import Form
from selbox.model.context import Context


class Contexts:
    """Reads contexts, named and anonymous.

    Args:
        program: resolves names.
        identities, levels: what contexts are made of.
        verify: whether to check each context's parts against each other.
    """

    def __init__(self, program: Program, identities: Identities, levels: Levels, verify: bool) -> None:
        self._program = program
        self._identities = identities
        self._levels = levels
        self._verify = verify
        self._named: dict[Symbol, Context] = {}
        self._anonymous: dict[int, Context] = {}

    def collect(self) -> None:
        """Read every named context, used or not."""
        self._program.run_declared("context", lambda symbol: self.context(symbol.form, symbol.place, 1))

    def context(self, form: Form, place: Place, *path: int) -> Context:
        """Return the context that an atom names or a form is.

        Args:
            form: the statement.
            place: where it stands.
            *path: indices from it to the context.

        Raises:
            UnresolvedNameError: a name is not declared.
            StatementError: it is no context, or not a valid one.
        """
        item: Form | str = form
        for index in path:
            item = item[index]
        if isinstance(item, str):
            symbol = self._program.resolve("context", form, place, *path)
            known = self._named.get(symbol)
            if known is None:
                known = self._named[symbol] = self.context(symbol.form, symbol.place, 2)
            return known
        # INVARIANT: trees outlive the compilation, so that no other form can have the identity of one of theirs.
        known = self._anonymous.get(id(item)) if place.scope.parent is None else None
        if known is not None:
            return known
        if len(item) != 4:
            raise StatementError(
                "cil-syntax",
                "expected a context `(USER ROLE TYPE RANGE)`",
                place,
                form,
                path,
                "as in `(system_u object_r etc_t ((s0) (s0)))`",
            )
        single = self._identities.single
        user = single("user", form, place, *path, 0)
        role = single("role", form, place, *path, 1)
        type_ = single("type", form, place, *path, 2)
        context = Context(user.id, role.id, type_.id, self._levels.level_range(form, place, *path, 3))
        if self._verify:
            self._check(context, (user, role, type_), form, place, path)
        if place.scope.parent is None:
            self._anonymous[id(item)] = context
        return context

    def _check(
        self, context: Context, names: tuple[Symbol, ...], form: Form, place: Place, path: tuple[int, ...]
    ) -> None:
        identities = self._identities
        user, role, type_ = names
        for whom, what, allowed, index in (
            (user, role, identities.user_roles.get(user.id, 0), 1),
            (role, type_, identities.role_types.get(role.id, 0), 2),
        ):
            if not allowed >> what.id & 1:
                message = f"{whom.flavour} `{whom.name}` may not take {what.flavour} `{what.name}`"
                advice = f"allow it: `({whom.flavour}{what.flavour} {whom.name} {what.name})`"
                if role.name != OBJECT_ROLE:
                    raise StatementError("cil-invalid-context", message, place, form, (*path, index), advice)
                # A kernel takes object_r with every user and type; secilc wants it said.
                self._program.diagnostics.warning(
                    "cil-object-role", message, place.tree.span(form, *path, index), advice
                )
        clearance = identities.user_ranges.get(user.id)
        if clearance is None or clearance.contains(context.range):
            return
        message = f"this range is not within the range of user `{user.name}`"
        low, high = context.range.low.sensitivity, context.range.high.sensitivity
        if not clearance.low.sensitivity <= low <= high <= clearance.high.sensitivity:
            raise StatementError("cil-invalid-context", message, place, form, (*path, 3))
        self._program.diagnostics.warning(
            "cil-bad-range", f"{message}: kernels refuse it", place.tree.span(form, *path, 3)
        )
