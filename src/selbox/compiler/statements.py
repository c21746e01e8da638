"""Whether a form is a statement, and may stand where it stands.

Source: the checks of ``cil_build_ast.c`` of libsepol, and those of ``cil_resolve_ast`` for what may lie in what.
"""

import re
from collections.abc import Iterator, Sequence

from selbox.compiler.errors import StatementError
from selbox.compiler.namespace import NAME_TABLES, Place
from selbox.diagnostics import did_you_mean
from selbox.language.cil import Form, RuleRun
from selbox.language.cil.statements import USAGE, has_valid_shape, usage
from selbox.typing import Final

_CONTEXT_TEXT: Final = re.compile(r"[^:\s]+:[^:\s]+:[^:\s]+(:\S+)?")

_MACRO_REFUSES = frozenset({"tunable", "in", "block", "blockinherit", "blockabstract", "macro"})
_OPTIONAL_REFUSES = frozenset({"tunable", "in", "block", "blockabstract", "macro"})
_CONDITIONAL_TAKES = frozenset(
    {"allow", "auditallow", "dontaudit", "typetransition", "typechange", "typemember", "call", "tunableif"}
    | {"allowx", "auditallowx", "dontauditx"}
)
REFUSED: Final[dict[str, frozenset[str]]] = {
    "macro": _MACRO_REFUSES,
    "optional": _OPTIONAL_REFUSES,
    "block": frozenset({"category", "sensitivity"}),
    "in": frozenset({"tunable", "in"}),
    "in after": frozenset({"tunable", "in", "blockinherit", "blockabstract"}),
    "blockinherit in optional": frozenset({"tunable", "block", "macro"}),
    "tunableif": frozenset({"tunable"}),
    "booleanif": frozenset(USAGE) - _CONDITIONAL_TAKES,
}
"""What may not stand in a container, by its keyword."""


def check_declared_once(form: Form, place: Place, declared: set[tuple[str, object]]) -> None:
    """Refuse a declaration in a macro that has the name of an earlier one or of a parameter."""
    table = NAME_TABLES.get(form.keyword)
    if table is None or form.keyword == "optional":
        return
    if (table, form[1]) in declared:
        raise StatementError(
            "cil-duplicate-name", f"`{form[1]}` is a parameter, or declared already, in this macro", place, form, (1,)
        )
    declared.add((table, form[1]))


def stray(index: int, place: Place, parent: "Sequence[Form | RuleRun | str]") -> StatementError:
    """Return the error for an atom that stands where a statement should.

    Args:
        index: which item of its parent it is.
        place: where that stands.
        parent: the form around it.
    """
    assert isinstance(parent, Form)  # noqa: S101 - the reader lets no atom stand outside of every form
    earlier: Sequence[Form | RuleRun | str] = parent[:index]
    return StatementError(
        "cil-stray-text",
        f"expected a statement in parentheses, found `{parent[index]}`",
        place,
        parent,
        (sum(len(each) if isinstance(each, RuleRun) else 1 for each in earlier),),
    )


def check_statement(form: Form, place: Place) -> str:
    """Check that a form is a statement that may stand where it stands; return its keyword.

    Raises:
        StatementError: it is none, its arguments have the wrong outer form, or its surroundings refuse it.
    """
    keyword = form[0] if form else ""
    if not isinstance(keyword, str):
        keyword = ""
    if keyword not in USAGE:
        if not keyword:
            raise StatementError("cil-syntax", "expected a statement that begins with a keyword", place, form)
        raise StatementError(
            "cil-unknown-statement",
            f"CIL has no statement `{keyword}`",
            place,
            form,
            (0,),
            did_you_mean(keyword, USAGE),
        )
    if not has_valid_shape(form):
        advice = f"it is written {usage(keyword)}"
        if "CONTEXT" in advice and any(isinstance(each, str) and _CONTEXT_TEXT.fullmatch(each) for each in form):
            advice += ", and a context (USER ROLE TYPE ((LOW) (HIGH)))"
        raise StatementError("cil-syntax", f"`{keyword}` has the wrong arguments", place, form, (), advice)
    for container in place.lexical:
        if keyword in REFUSED[container]:
            raise StatementError("cil-misplaced", f"`{keyword}` may not stand inside `{container}`", place, form, (0,))
    return keyword


def branches(form: Form, place: Place) -> Iterator[tuple[Form, bool]]:
    """Yield the branches of a ``booleanif`` or ``tunableif``, each with the value that it is for.

    Raises:
        StatementError: a branch is not ``(true …)`` or ``(false …)``, or stands there twice.
    """
    seen: set[str] = set()
    for index, branch in enumerate(form[2:], 2):
        kind = branch.keyword if isinstance(branch, Form) else ""
        if kind not in ("true", "false") or kind in seen:
            raise StatementError(
                "cil-syntax", "expected one `(true …)` and at most one `(false …)` branch", place, form, (index,)
            )
        seen.add(kind)
        assert isinstance(branch, Form)  # noqa: S101 - it has a keyword
        yield branch, kind == "true"
