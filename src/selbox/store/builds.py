"""From sources to a policy in the kernel's format: compiled whole, or from what an earlier compilation left."""

from collections.abc import Callable, Iterable, Sequence

from selbox.collector import collector_paused
from selbox.diagnostics import Diagnostics, SelboxError, SourceFile
from selbox.model.policy import Policy
from selbox.store.baselines import BaselineStore, Request, is_worth_keeping, warnings_now
from selbox.store.inputs import File
from selbox.typing import TYPE_CHECKING, NamedTuple

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


def rebuild(
    files: Sequence[File],
    read: Callable[[File, Diagnostics], str],
    order: Order,
    diagnostics: Diagnostics,
    progress: "Stages",
    store: BaselineStore | None,
) -> Build | None:
    """Build from what an earlier compilation left; None when the whole has to be built.

    Args:
        files: as they are.
        read: gives the CIL of one; asked only for those that have changed.
        order: what to make of them.
        diagnostics: takes the warnings.
        progress: is told what is being done.
        store: where is kept what compilations leave.

    Raises:
        SelboxError: rules violate assertions, and nothing else is wrong.
    """
    if store is None or order.origins:
        return None
    progress.stage("comparing")
    with collector_paused():
        return _rebuilt(files, read, order, diagnostics, store)


def _rebuilt(
    files: Sequence[File],
    read: Callable[[File, Diagnostics], str],
    order: Order,
    diagnostics: Diagnostics,
    store: BaselineStore,
) -> Build | None:
    request = _request([file.name for file in files], order)
    noted = Diagnostics()
    try:
        found = store.get(request, [file.content for file in files], lambda number: read(files[number], noted))
    except SelboxError:
        return None  # the whole is read again, and tells everything that is wrong
    if found is None or noted.warnings:
        return None
    from selbox.compiler.incremental import recompile  # those who start over do not pay for it

    recompiled = recompile(found.baseline, found.texts, found.earlier, found.numbers, request.names)
    if recompiled is None:
        return None
    if recompiled.errors:
        raise SelboxError(*recompiled.errors)
    warnings = warnings_now(found, request.names, recompiled.windows)
    if warnings is None:
        return None
    diagnostics.warnings += warnings
    return Build(recompiled.binary, recompiled.file_contexts if order.contexts else None)


def _request(names: Iterable[str], order: Order) -> Request:
    return Request(tuple(names), repr(tuple(order)))


def build(
    sources: Sequence[SourceFile],
    order: Order,
    diagnostics: Diagnostics,
    progress: "Stages",
    store: BaselineStore | None = None,
    files: Sequence[File] | None = None,
) -> Build:
    """Compile sources as a whole and write the policy.

    Args:
        sources: the texts.
        order: what to make of them.
        diagnostics: takes the warnings.
        progress: is told what is being done.
        store: where is kept what the compilation leaves; None keeps nothing.
        files: what the texts are of, where nothing was to be warned of in them.

    Raises:
        SelboxError: with every syntax error, else every error of the policy; or ``binary-unwritable``.
    """
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
    is_kept = store is not None and not order.origins and is_worth_keeping(sources)
    if store is not None and is_kept and len(trees) == len(sources):
        from selbox.compiler.keeping import baseline_of  # those who keep nothing do not pay for it

        baseline = baseline_of(trees, policy, resolution, sections, written_version(binary))
        if baseline is not None:
            contents = None if files is None else [file.content for file in files]
            request = _request([source.name for source in sources], order)
            store.put(request, sources, contents, diagnostics.warnings[known:], baseline)
    return Build(binary, contexts, places(policy, binary) if order.origins else None)


def places(policy: Policy, binary: bytes) -> bytes:
    """Return the file that says where in the source the rules of a binary stand."""
    from selbox.binary.origins import write_origins  # few ask for it

    return write_origins(policy, binary)
