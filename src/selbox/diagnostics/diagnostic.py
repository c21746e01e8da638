"""What is told to a person: a message with a stable code, a place and help."""

from enum import Enum

from selbox.diagnostics.source import Span
from selbox.typing import Any, NamedTuple


class Severity(Enum):
    """How much a diagnostic matters: an error stops the work, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Diagnostic(NamedTuple):
    """One message; as text it is ``file:line:column: message``, or the message alone where it has no place.

    Attributes:
        code: stable, room-prefixed kebab case, such as ``cil-unknown-type``; documented in docs/errors.md.
        message: one sentence without a final full stop: what was found and what was expected.
        span: the place, where there is one.
        help: what to do about it; empty when nothing better can be said than the message.
        notes: further places that belong to it, each with its own words.
        severity: error or warning.
    """

    code: str
    message: str
    span: Span | None = None
    help: str = ""
    notes: tuple[tuple[str, Span | None], ...] = ()
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return f"{self.span.place}: {self.message}" if self.span is not None else self.message


class SelboxError(Exception):
    """Any failure that selbox foresees; carries every diagnostic that was found, in source order.

    The command line renders them and exits 1. Callers of the library catch this class, or a room's
    subclass of it, and read ``diagnostics``. As text it is all of them in one line, each with its place.
    """

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__(*diagnostics)
        self.diagnostics = diagnostics

    def __str__(self) -> str:
        return "; ".join(map(str, self.diagnostics))

    def __reduce__(self) -> tuple[Any, ...]:
        # Subclasses are made from other arguments, and must not be made from these.
        return (type(self).__new__, (type(self), *self.diagnostics), self.__dict__)

    @classmethod
    def of(cls, code: str, message: str, span: Span | None = None, help: str = "") -> "SelboxError":  # noqa: A002 - the word that the reader sees in the output
        """Make an error of one diagnostic."""
        return cls(Diagnostic(code, message, span, help))


class Diagnostics:
    """Collects the diagnostics of a run, so that a user sees all errors at once and not the first.

    Args:
        limit: errors after which collecting gives up and raises.
    """

    def __init__(self, limit: int = 50) -> None:
        self._limit = limit
        self.errors: list[Diagnostic] = []
        self.warnings: list[Diagnostic] = []

    def error(
        self,
        code: str,
        message: str,
        span: Span | None = None,
        help: str = "",  # noqa: A002 - the word that the reader sees in the output
        notes: tuple[tuple[str, Span | None], ...] = (),
    ) -> None:
        """Record an error.

        Raises:
            SelboxError: when the limit of errors is reached.
        """
        self.extend((Diagnostic(code, message, span, help, notes),))

    def extend(self, errors: tuple[Diagnostic, ...]) -> None:
        """Record errors that were made elsewhere.

        Raises:
            SelboxError: when the limit of errors is reached; the last one tells so.
        """
        self.errors += errors
        if len(self.errors) >= self._limit:
            last = self.errors.pop()
            given_up = (f"these are the first {len(self.errors) + 1} errors; there may be more", None)
            self.errors.append(last._replace(notes=(*last.notes, given_up)))
            self.raise_if_errors()

    def warning(
        self,
        code: str,
        message: str,
        span: Span | None = None,
        help: str = "",  # noqa: A002 - the word that the reader sees in the output
        notes: tuple[tuple[str, Span | None], ...] = (),
    ) -> None:
        """Record a warning."""
        self.warnings.append(Diagnostic(code, message, span, help, notes, Severity.WARNING))

    def raise_if_errors(self) -> None:
        """Raise what was collected, if there is an error among it.

        Raises:
            SelboxError: with every error so far.
        """
        if self.errors:
            raise SelboxError(*self.errors)
