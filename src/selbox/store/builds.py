"""From sources to a policy in the kernel's format: compiled whole, or from what an earlier compilation left."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from selbox.diagnostics import Diagnostics, SourceFile
from selbox.model.policy import Policy
from selbox.store.baselines import BaselineStore, Request, is_worth_keeping, warnings_now

if TYPE_CHECKING:
    from selbox.compiler.options import CompileOptions
    from selbox.store.stages import Stages


class Build(NamedTuple):
    """What a policy is written to.

    Attributes:
        binary: in the kernel's format.
        file_contexts: as file_contexts(5) has them; None when they were not asked for.
        origins: where in the source each rule stands; likewise.
    """

    binary: bytes
    file_contexts: bytes | None
    origins: bytes | None = None


class Order(NamedTuple):
    """What is to be made of sources.

    Attributes:
        options: of the compiler.
        base: whether to take the base policy; it stays out when one of the sources is complete.
        version: of the binary format; None for the usual one.
        contexts: whether file contexts are wanted.
        origins: whether the places of rules are wanted.
    """

    options: "CompileOptions"
    base: bool
    version: int | None
    contexts: bool
    origins: bool = False


def build(
    sources: Sequence[SourceFile],
    order: Order,
    diagnostics: Diagnostics,
    progress: "Stages",
    store: BaselineStore | None = None,
) -> Build:
    """Compile sources and write the policy.

    Args:
        sources: the texts.
        order: what to make of them.
        diagnostics: takes the warnings.
        progress: is told what is being done.
        store: where is kept what compilations leave; None compiles the whole in any case.

    Raises:
        SelboxError: with every syntax error, else every error of the policy; or ``binary-unwritable``.
    """
    if store is None or order.origins or not is_worth_keeping(sources):
        return _whole(sources, order, diagnostics, progress, None, None)
    request = Request(tuple(source.name for source in sources), repr(tuple(order)))
    progress.stage("comparing")
    again = _again(sources, store, request, diagnostics, contexts=order.contexts)
    return again or _whole(sources, order, diagnostics, progress, store, request)


def _again(
    sources: Sequence[SourceFile], store: BaselineStore, request: Request, diagnostics: Diagnostics, *, contexts: bool
) -> Build | None:
    """Build from what an earlier compilation left, or not at all."""
    found = store.get(request, sources)
    if found is None:
        return None
    from selbox.compiler.incremental import recompile  # those who start over do not pay for it

    entry, earlier = found
    recompiled = recompile(entry.baseline, [source.text for source in sources], earlier)
    if recompiled is None:
        return None
    warnings = warnings_now(entry, sources, earlier, recompiled.windows)
    if warnings is None:
        return None
    diagnostics.warnings += warnings
    return Build(recompiled.binary, recompiled.file_contexts if contexts else None)


def _whole(
    sources: Sequence[SourceFile],
    order: Order,
    diagnostics: Diagnostics,
    progress: "Stages",
    store: BaselineStore | None,
    request: Request | None,
) -> Build:
    from selbox.binary.kernel import write_sections
    from selbox.compiler.text.filecontexts import file_contexts_text
    from selbox.store.policyfiles import resolve_sources, written_version

    known = len(diagnostics.warnings)
    trees, policy, resolution = resolve_sources(
        sources, order.options, base=order.base, diagnostics=diagnostics, progress=progress
    )
    progress.stage("writing")
    sections = write_sections(policy, order.version, diagnostics)
    binary = b"".join(sections.values())
    contexts = file_contexts_text(policy).encode(errors="surrogateescape") if order.contexts else None
    if store is not None and request is not None and len(trees) == len(sources):
        from selbox.compiler.keeping import baseline_of  # those who keep nothing do not pay for it

        baseline = baseline_of(trees, policy, resolution, sections, written_version(binary))
        if baseline is not None:
            store.put(request, sources, diagnostics.warnings[known:], baseline)
    return Build(binary, contexts, places(policy, binary) if order.origins else None)


def places(policy: Policy, binary: bytes) -> bytes:
    """Return the file that says where in the source the rules of a binary stand."""
    from selbox.binary.origins import write_origins  # few ask for it

    return write_origins(policy, binary)
