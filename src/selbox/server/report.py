"""What a security server tells of beside its answers: what the kernel writes into the audit log by itself."""

from selbox.diagnostics import Diagnostic, SelboxError
from selbox.typing import NamedTuple

INVALID_TRANSITION = "invalid-transition"
"""Code of the error that a computed context is not valid."""


class InvalidTransitionError(SelboxError):
    """A computed context is not valid; enforcing, it is raised (the kernel's ``EACCES``), permissive, only reported.

    Attributes:
        invalid_context: the text of the context.
        source: the text of the source's context.
        target: the text of the target's context.
        object_class: the name of the class.

    Source: the kernel's ``compute_sid_handle_invalid_context``.
    """

    def __init__(self, message: str, invalid_context: str, source: str, target: str, object_class: str) -> None:
        super().__init__(Diagnostic(INVALID_TRANSITION, message))
        self.invalid_context = invalid_context
        self.source = source
        self.target = target
        self.object_class = object_class


class BoundsExceeded(NamedTuple):
    """Rules allow a type what its bounding type may not do; it is withheld.

    Attributes:
        source: the text of the source's context.
        target: the text of the target's context.
        object_class: the name of the class.
        permissions: names of the permissions that are withheld.

    Source: the kernel's ``security_dump_masked_av``.
    """

    source: str
    target: str
    object_class: str
    permissions: tuple[str, ...]


Report = InvalidTransitionError | BoundsExceeded
