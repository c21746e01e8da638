"""Policy files to a policy: CIL and packages compiled, with the base policy where they need it; else read."""

import os
from collections.abc import Iterable, Sequence

import selbox
from selbox.binary.formats import Format
from selbox.collector import collector_paused
from selbox.diagnostics import Diagnostic, Diagnostics, SelboxError, SourceFile
from selbox.model.policy import Policy
from selbox.store.filecontexttexts import FileContextTexts, file_context_texts
from selbox.store.inputs import ORIGINS_ENDING, WRONG_FORMAT_CODE, Input, each_of, read_input, read_inputs
from selbox.typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from selbox.compiler.options import CompileOptions
    from selbox.compiler.resolution import Resolution
    from selbox.language.cil import Form, Tree
    from selbox.store.policycache import PolicyCache
    from selbox.store.stages import Stages

BASE_PREFIX: Final = "<base>/"
"""What the names of the base policy's texts begin with."""

# The package is a directory of files; importlib.resources would say the same and cost 50 ms of a box's start.
BASE_DIRECTORY: Final = os.path.join(os.path.dirname(os.path.abspath(selbox.__file__)), "policies", "base")
"""Where the base policy's CIL files are."""


def load_policy(
    paths: Iterable[str],
    base: bool = True,
    diagnostics: Diagnostics | None = None,
    cache: "PolicyCache | None" = None,
    progress: "Stages | None" = None,
    origins: str | None = None,
    empty: bool = True,
    file_contexts: str | None = None,
    unchecked: bool = False,
) -> Policy:
    """Read policy files and make one policy of them.

    Args:
        paths: files as the user named them; messages show them so. CIL and module packages are compiled together; a
            kernel policy is taken as it is, alone.
        base: whether to take the base policy. A complete policy among the files stands alone all the same.
        diagnostics: takes the warnings, for a caller who wants to show them.
        cache: where policies are kept as they were made; None makes them in any case.
        progress: is told what is being done.
        origins: file with the places of a kernel policy's rules; where it is None, one beside the policy is taken.
        empty: whether a file may be empty; one that may be read while it is being written should not.
        file_contexts: file of further file contexts; what belongs to it is taken with it.
        unchecked: whether neverallow rules and bounds go unchecked.

    Raises:
        SelboxError: with everything that is wrong with the files, else every syntax error, else every error of the
            policy that they make together.
    """
    collected = Diagnostics() if diagnostics is None else diagnostics
    inputs = read_inputs(paths, collected)
    if not empty:
        check_filled(inputs)
    labels = FileContextTexts((), ()) if file_contexts is None else file_context_texts(file_contexts)
    kernel = sole_kernel_policy(inputs)
    if kernel is not None:
        return _kept_or_read(kernel, labels, collected, cache, origins)
    if origins is not None:
        words = f"`{origins}` tells where the rules of a kernel policy were written, and there is none"
        raise SelboxError.of(WRONG_FORMAT_CODE, words, help="sources know the places of their rules themselves")
    sources = policy_sources(inputs, collected, progress)
    del inputs  # packages take three times the memory of their CIL
    key = (
        None
        if cache is None
        else cache.key((*sources, *(base_sources() if base else ())), base=base, unchecked=unchecked)
    )
    policy = None if cache is None or key is None else cache.get(key)
    if policy is None:
        options = _unchecking() if unchecked else None
        policy = compile_sources(sources, options, base=base, diagnostics=collected, progress=progress)
        if cache is not None and key is not None:
            cache.put(key, policy)
    return policy if file_contexts is None else labels.labelled(policy)


def _unchecking() -> "CompileOptions":
    from selbox.compiler.options import CompileOptions

    return CompileOptions(disable_neverallow=True)


def _kept_or_read(
    given: Input,
    labels: FileContextTexts,
    diagnostics: Diagnostics,
    cache: "PolicyCache | None",
    origins: str | None,
) -> Policy:
    """Return a kernel policy with further file contexts; one with places in the source is not kept."""
    key = None
    if cache is not None and origins is None and not os.path.exists(given.name + ORIGINS_ENDING):
        key = cache.binary_key(given, (*labels.contexts, *labels.substitutions))
    policy = None if cache is None or key is None else cache.get(key)
    if policy is None:
        warnings = len(diagnostics.warnings)
        policy = kernel_policy(given, diagnostics, origins)
        if labels.contexts:
            policy = labels.labelled(policy)
        if cache is not None and key is not None and len(diagnostics.warnings) == warnings:
            cache.put(key, policy)
    return policy


def check_filled(inputs: Sequence[Input]) -> None:
    """Refuse files with nothing in them, which is what a file is between being opened and being written.

    Raises:
        SelboxError: ``file-empty``.
    """
    faults = [
        Diagnostic(
            "file-empty", f"`{each.name}` is empty", help="if that is meant, write a comment into it: `; nothing`"
        )
        for each in inputs
        if not each.content or each.content.isspace()
    ]
    if faults:
        raise SelboxError(*faults)


def labelled_policy(policy: Policy, path: str, collected: Diagnostics | None = None) -> Policy:
    """Return a policy with the file contexts of a file besides its own, and of the files that belong to it.

    Args:
        policy: without them.
        path: of the file.
        collected: takes what is no file context of this policy, which is left out then.

    Raises:
        SelboxError: when a file cannot be read, or holds what is no file context of this policy.
    """
    return file_context_texts(path).labelled(policy, collected)


def sole_kernel_policy(inputs: Sequence[Input]) -> Input | None:
    """Return the kernel policy among some inputs, which is then alone; None when there is none.

    Raises:
        SelboxError: ``file-wrong-format``, when there is one and it is not alone.
    """
    found = next((each for each in inputs if each.format is Format.KERNEL_POLICY), None)
    if found is not None and len(inputs) > 1:
        raise SelboxError.of(
            WRONG_FORMAT_CODE,
            f"`{found.name}` is a kernel policy, which is whole: nothing can be compiled together with it",
            help=f"`selbox checkpolicy -b -C -o FILE.cil {found.name}` turns it into CIL; add -M when it has levels",
        )
    return found


def kernel_policy(given: Input, diagnostics: Diagnostics, origins: str | None = None) -> Policy:
    """Read a kernel policy, with the places of its rules in the source where a file beside it has them.

    Args:
        given: the policy.
        diagnostics: takes the warnings; what is wrong with the file of places is one, for it decides nothing.
        origins: the file of places, where it is another than the one beside it.

    Raises:
        SelboxError: with the section and the byte where the policy is broken; or with what is wrong with ``origins``.
    """
    from selbox.binary.kernel import read_policy  # those who compile do not pay for it

    policy = read_policy(given.content, given.name, diagnostics)
    beside = given.name + ORIGINS_ENDING
    if origins is None and not os.path.exists(beside):
        return policy
    from selbox.binary.origins import with_origins

    if origins is not None:
        return with_origins(policy, given.content, read_input(origins).content, origins, diagnostics)
    try:
        return with_origins(policy, given.content, read_input(beside).content, beside, diagnostics)
    except SelboxError as error:
        for each in error.diagnostics:
            diagnostics.warning(each.code, each.message, each.span, each.help)
        return policy


def written_version(binary: bytes) -> int:
    """Return the version of the format that a kernel policy is written in."""
    name = int.from_bytes(binary[4:8], "little")  # after a magic number, the length of a name, and then the name
    return int.from_bytes(binary[8 + name : 12 + name], "little")


def policy_sources(
    inputs: Iterable[Input], diagnostics: Diagnostics, progress: "Stages | None" = None
) -> list[SourceFile]:
    """Return the CIL of inputs: texts as they are, modules and packages translated.

    Raises:
        SelboxError: with everything that is wrong with any of them.
    """

    def source(given: Input) -> SourceFile:
        if given.format not in (Format.PACKAGE, Format.MODULE):
            return given.source()
        if progress is not None:
            progress.stage(f"translating {given.name}")
        from selbox.store.packages import module_source  # those who have none do not pay for it

        return module_source(given, diagnostics)

    return each_of(source, inputs)


def compile_sources(
    sources: Sequence[SourceFile],
    options: "CompileOptions | None" = None,
    *,
    base: bool,
    diagnostics: Diagnostics,
    progress: "Stages | None" = None,
) -> Policy:
    """Parse texts in CIL and compile them.

    Args:
        sources: the texts.
        options: what the compiler may do differently; None for its defaults.
        base: whether to take the base policy; it stays out when one of the texts is complete.
        diagnostics: takes the warnings.
        progress: is told what is being done.

    Raises:
        SelboxError: with every syntax error, else every error of the policy.
    """
    return resolve_sources(sources, options, base=base, diagnostics=diagnostics, progress=progress)[1]


def resolve_sources(
    sources: Sequence[SourceFile],
    options: "CompileOptions | None" = None,
    *,
    base: bool,
    diagnostics: Diagnostics,
    progress: "Stages | None" = None,
) -> "tuple[list[Tree], Policy, Resolution]":
    """Do what :func:`compile_sources` does: the one way from source to policy for every verb.

    Returns:
        The sources, parsed, the base policy's among them where it was taken; the policy; and what it was made from.

    Raises:
        SelboxError: as :func:`compile_sources`.
    """
    # Half of a box's start is spent on these imports when the policy is in the cache already.
    from selbox.compiler.compile import compile_resolved
    from selbox.compiler.options import DEFAULTS
    from selbox.language.cil import Shared, parse

    shared = Shared()

    def tree(source: SourceFile) -> "Tree":
        if progress is not None:
            progress.stage(f"reading {source.name}")
        return parse(source, shared)

    with collector_paused():
        trees = each_of(tree, sources)
        if base and not any(is_complete(each) for each in trees):
            trees = [*(parse(each, shared) for each in base_sources()), *trees]
        if progress is not None:
            progress.stage("compiling")
        policy, resolution = compile_resolved(trees, diagnostics, DEFAULTS if options is None else options)
        return trees, policy, resolution


def base_sources() -> list[SourceFile]:
    """Return the texts of the base policy, in the order of their names; messages show them as ``<base>/NAME``."""
    names = sorted(name for name in os.listdir(BASE_DIRECTORY) if name.endswith(".cil"))
    return [read_input(os.path.join(BASE_DIRECTORY, name), BASE_PREFIX + name).source() for name in names]


def is_complete(tree: "Tree") -> bool:
    """Tell whether a policy declares the kernel's classes or initial SIDs, as Debian's does, and so needs no base.

    Classes of its own, in a ``classorder`` that begins with ``unordered``, are only added to another policy's.
    """
    # Both statements are legal only outside blocks, and no kernel runs on a policy that lacks them.
    forms = (form for form in tree.forms if isinstance(form, list))  # the others are rules
    return any(_orders_classes(form) or form == ["sid", "kernel"] for form in forms)


def _orders_classes(form: "Form") -> bool:
    return form.keyword == "classorder" and not (len(form) > 1 and form[1][:1] == ["unordered"])
