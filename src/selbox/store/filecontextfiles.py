"""File contexts that are kept beside a policy, as a kernel policy's are, made part of it."""

from collections.abc import Sequence

from selbox.diagnostics import Diagnostics, SelboxError
from selbox.language.filecontexts import NO_CONTEXT, FileContextLine
from selbox.model.context import Context
from selbox.model.context_text import INVALID_CONTEXT, parse_context
from selbox.model.labelling import FileContext
from selbox.model.origin import Origin
from selbox.model.policy import Policy
from selbox.server.validity import context_fault


def with_file_contexts(policy: Policy, lines: Sequence[FileContextLine]) -> Policy:
    """Return a policy with further file contexts.

    Args:
        policy: whose names the contexts use.
        lines: what is added; each keeps its place.

    Raises:
        SelboxError: ``invalid-context``, with every context that is not one of the policy.
    """
    diagnostics = Diagnostics()
    known: dict[str, Context | None] = {NO_CONTEXT: None}
    entries: list[FileContext] = []
    origins = list(policy.origins)
    for line in lines:
        if line.context not in known:
            known[line.context] = _context(policy, line, diagnostics)
        span = line.pattern_span
        origins.append(Origin(span.source.name, span.line, span.column))
        entries.append(FileContext(line.pattern, line.kind, known[line.context], len(origins)))
    diagnostics.raise_if_errors()
    return policy._replace(file_contexts=(*policy.file_contexts, *entries), origins=tuple(origins))


def _context(policy: Policy, line: FileContextLine, diagnostics: Diagnostics) -> Context | None:
    """Return the context of a line; None when it is wrong, which is told."""
    try:
        context = parse_context(policy, line.context)
    except SelboxError as error:
        (found,) = error.diagnostics
        diagnostics.error(INVALID_CONTEXT, found.message, line.context_span, found.help)
        return None
    fault = context_fault(policy, context)
    if fault:
        diagnostics.error(INVALID_CONTEXT, f"invalid context `{line.context}`: {fault}", line.context_span)
    return context
