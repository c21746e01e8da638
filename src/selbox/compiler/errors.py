"""Faults of one statement, raised where they are seen and reported where the statement is left."""

from collections.abc import Iterable

from selbox.compiler.namespace import Place
from selbox.diagnostics import Diagnostic, SelboxError
from selbox.language.cil import Form
from selbox.language.cil.linemarks import written_at


class StatementError(SelboxError):
    """A fault that no other choice of optional blocks could mend.

    Args:
        code: stable code.
        message: what was found and expected.
        place: where the statement stands.
        form: the form that it is in.
        path: indices that lead from the form to what is underlined.
        help: what to do.
    """

    def __init__(
        self,
        code: str,
        message: str,
        place: Place,
        form: Form,
        path: tuple[int, ...] = (),
        help: str = "",  # noqa: A002 - the word that the reader sees in the output
        note: tuple[str, Place, Form] | None = None,
    ) -> None:
        notes = ((note[0], note[1].tree.span(note[2])),) if note else ()
        super().__init__(Diagnostic(code, message, place.tree.span(form, *path), help, notes))


class UnresolvedNameError(Exception):
    """A name that nothing declares: switches an optional block off, and is an error elsewhere.

    Cheap on purpose: policies resolve thousands of names that may fail inside optional blocks. The message is
    made only when it is shown.
    """

    def __init__(
        self, table: str, name: str, place: Place, form: Form, path: tuple[int, ...], known: Iterable[str] = ()
    ) -> None:
        super().__init__(name)
        self.known = known
        self.table = table
        self.name = name
        self.place = place
        self.form = form
        self.path = path


def with_original_place(diagnostic: Diagnostic) -> Diagnostic:
    """Add the place that line marks name, where the text that an error is about was translated from another one."""
    span = diagnostic.span
    original = written_at(span.source.text, span.line) if span else ""
    note = (f"a line mark says that this was written at {original}", None)
    if not original or note in diagnostic.notes:
        return diagnostic
    return diagnostic._replace(notes=(*diagnostic.notes, note))
