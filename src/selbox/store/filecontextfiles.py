"""File contexts that are kept beside a policy, as a kernel policy's are, made part of it."""

from collections.abc import Sequence

from selbox.diagnostics import Diagnostics, SelboxError
from selbox.language.filecontexts import NO_CONTEXT, FileContextLine, parse_substitutions
from selbox.model.context import Context
from selbox.model.context_text import INVALID_CONTEXT, parse_context
from selbox.model.labelling import FileContext, PathSubstitution
from selbox.model.origin import Origin
from selbox.model.policy import Policy
from selbox.server.validity import context_fault
from selbox.store.filecontexttexts import substitution_texts


def with_file_contexts(policy: Policy, lines: Sequence[FileContextLine]) -> Policy:
    """Return a policy with further file contexts.

    Args:
        policy: whose names the contexts use.
        lines: what is added; each keeps its place.

    Raises:
        SelboxError: ``invalid-context``, with every line whose context is not one of the policy.
    """
    diagnostics = Diagnostics()
    known: dict[str, Context | SelboxError | None] = {NO_CONTEXT: None}
    entries: list[FileContext] = []
    origins = list(policy.origins)
    for line in lines:
        if line.context not in known:
            known[line.context] = _context(policy, line.context)
        context = known[line.context]
        if isinstance(context, SelboxError):
            (found,) = context.diagnostics
            diagnostics.error(INVALID_CONTEXT, found.message, line.context_span, found.help)
            continue
        span = line.pattern_span
        origins.append(Origin(span.source.name, span.line, span.column))
        entries.append(FileContext(line.pattern, line.kind, context, len(origins)))
    diagnostics.raise_if_errors()
    return policy._replace(file_contexts=(*policy.file_contexts, *entries), origins=tuple(origins))


def substitutions_beside(path: str) -> tuple[tuple[PathSubstitution, ...], ...]:
    """Return the substitutions of paths that belong to a file of file contexts, as lookups take them.

    Args:
        path: of the file of file contexts; what belongs to it is named after it.

    Raises:
        SelboxError: ``file-unreadable``, for a file that is there and cannot be read.
    """
    return tuple(map(parse_substitutions, substitution_texts(path)))


def _context(policy: Policy, text: str) -> Context | SelboxError:
    """Return a context, or what is wrong with it."""
    try:
        context = parse_context(policy, text)
    except SelboxError as error:
        return error
    fault = context_fault(policy, context)
    return SelboxError.of(INVALID_CONTEXT, f"invalid context `{text}`: {fault}") if fault else context
