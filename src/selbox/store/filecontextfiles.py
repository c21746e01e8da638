"""File contexts that are kept beside a policy, as a kernel policy's are, made part of it."""

from collections.abc import Sequence

from selbox.diagnostics import Diagnostic, Diagnostics, SelboxError
from selbox.language.filecontexts import NO_CONTEXT, FileContextLine, parse_substitutions
from selbox.model.context import Context
from selbox.model.context_text import INVALID_CONTEXT, format_context, parse_context, parse_identity
from selbox.model.labelling import FileContext, FileKind, PathSubstitution
from selbox.model.mls import LevelRange
from selbox.model.origin import Origin
from selbox.model.policy import Policy
from selbox.server.validity import context_fault
from selbox.store.filecontexts import FileContexts
from selbox.store.filecontexttexts import substitution_texts


def with_file_contexts(
    policy: Policy, lines: Sequence[FileContextLine], collected: Diagnostics | None = None
) -> Policy:
    """Return a policy with further file contexts.

    Args:
        policy: whose names the contexts use.
        lines: what is added; each keeps its place.
        collected: takes what is wrong, and nothing is raised; such lines are left out.

    Raises:
        SelboxError: ``invalid-context``, with every line whose context is not one of the policy.
    """
    diagnostics = Diagnostics() if collected is None else collected
    known: dict[str, Context | SelboxError | None] = {NO_CONTEXT: None}
    ranges: dict[str, LevelRange] = {}
    entries: list[FileContext] = []
    origins = list(policy.origins)
    for line in lines:
        if line.context not in known:
            known[line.context] = _context(policy, line.context, ranges)
        context = known[line.context]
        if isinstance(context, SelboxError):
            (found,) = context.diagnostics
            diagnostics.error(INVALID_CONTEXT, found.message, line.context_span, found.help)
            continue
        origins.append(Origin(line.source.name, line.number, line.pattern_column))
        entries.append(FileContext(line.pattern, line.kind, context, len(origins)))
    if collected is None:
        diagnostics.raise_if_errors()
    return policy._replace(file_contexts=(*policy.file_contexts, *entries), origins=tuple(origins))


def check_file_contexts(policy: Policy, collected: Diagnostics) -> None:
    """Check what lookups find out only when a path gets so far: every pattern, and whether two say different things.

    Args:
        policy: with the file contexts.
        collected: has what was found before, which is raised with the rest.

    Raises:
        SelboxError: with every pattern that is broken, and ``file-context-conflict`` for each that has two contexts.

    Source: ``nodups_specs`` of libselinux's ``label_file.c``, which ``setfiles -c`` runs.
    """
    found = list(FileContexts.of(policy).check())
    firsts: dict[str, list[FileContext]] = {}
    for entry in policy.file_contexts:
        others = firsts.setdefault(entry.pattern, [])
        for other in others:
            overlap = FileKind.ANY in (entry.kind, other.kind) or entry.kind is other.kind
            if overlap and other.context != entry.context:
                found.append(_conflict(policy, other, entry))
        others.append(entry)
    if found or collected.errors:
        raise SelboxError(*collected.errors, *found)


def _conflict(policy: Policy, first: FileContext, second: FileContext) -> Diagnostic:
    contexts = [
        NO_CONTEXT if each.context is None else format_context(policy, each.context) for each in (first, second)
    ]
    places = [policy.origin(each.origin) for each in (first, second)]
    return Diagnostic(
        "file-context-conflict",
        f"`{first.pattern}` is given two contexts, `{contexts[0]}` and `{contexts[1]}`",
        notes=tuple((f"written at {each.place}", None) for each in places if each is not None),
        help="remove one of them, or give each a kind of file",
    )


def substitutions_beside(path: str) -> tuple[tuple[PathSubstitution, ...], ...]:
    """Return the substitutions of paths that belong to a file of file contexts, as lookups take them.

    Args:
        path: of the file of file contexts; what belongs to it is named after it.

    Raises:
        SelboxError: ``file-unreadable``, for a file that is there and cannot be read.
    """
    return tuple(map(parse_substitutions, substitution_texts(path)))


def _context(policy: Policy, text: str, ranges: dict[str, LevelRange]) -> Context | SelboxError:
    """Return a context, or what is wrong with it.

    Args:
        policy: whose names it uses.
        text: the context.
        ranges: those that were met, by their text: of thousands of contexts all but a few have the same one.
    """
    head, tail = ":".join(text.split(":")[:3]), text.split(":", 3)[3:]
    known = ranges.get(tail[0]) if tail else None
    identity = parse_identity(policy, head) if known is not None else None
    if known is not None and identity is not None:
        context = Context(*identity, known)
    else:
        try:
            context = parse_context(policy, text)
        except SelboxError as error:
            return error
        if tail:
            ranges[tail[0]] = context.range
    fault = context_fault(policy, context)
    return SelboxError.of(INVALID_CONTEXT, f"invalid context `{text}`: {fault}") if fault else context
