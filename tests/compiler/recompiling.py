"""Compiles policies whole and again, to compare what comes of both."""

from collections.abc import Sequence
from typing import NamedTuple

from selbox.binary.kernel import write_sections
from selbox.compiler.baseline import Baseline
from selbox.compiler.compile import compile_resolved
from selbox.compiler.incremental import recompile
from selbox.compiler.keeping import baseline_of
from selbox.compiler.options import DEFAULTS, CompileOptions
from selbox.compiler.text.filecontexts import file_contexts_text
from selbox.diagnostics import Diagnostic, SelboxError, SourceFile
from selbox.language.cil import parse


class Result(NamedTuple):
    binary: bytes = b""
    file_contexts: bytes = b""
    errors: tuple[Diagnostic, ...] = ()


def compiled(texts: Sequence[str], options: CompileOptions = DEFAULTS) -> tuple[Result, Baseline | None]:
    trees = [parse(SourceFile(f"{index}.cil", text)) for index, text in enumerate(texts)]
    policy, resolution = compile_resolved(trees, options=options)
    sections = write_sections(policy)
    result = Result(b"".join(sections.values()), file_contexts_text(policy).encode())
    return result, baseline_of(trees, policy, resolution, sections, 33)


def again(
    baseline: Baseline, before: Sequence[str], now: Sequence[str], numbers: Sequence[int | None]
) -> Result | None:
    """Return what is compiled again; None when the whole has to be."""
    earlier = {
        index: before[number]
        for index, number in enumerate(numbers)
        if number is not None and before[number] != now[index]
    }
    found = recompile(baseline, now, earlier, numbers, [f"{index}.cil" for index in range(len(now))])
    return None if found is None else Result(found.binary, found.file_contexts, found.errors)


def whole(texts: Sequence[str]) -> Result:
    try:
        return compiled(texts)[0]
    except SelboxError as error:
        return Result(errors=error.diagnostics)


def followed(before: Sequence[str], now: Sequence[str]) -> Result | None:
    _, baseline = compiled(before)
    assert baseline is not None
    return again(baseline, before, now, range(len(now)))


def succeeds(texts: Sequence[str]) -> bool:
    try:
        compiled(texts)
    except SelboxError:
        return False
    return True
