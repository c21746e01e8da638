"""Which assertions (``neverallow``) of a policy's sources further rules would violate."""

from collections.abc import Iterable, Sequence

from selbox.diagnostics import Diagnostics, SelboxError, SourceFile
from selbox.store.inputs import read_inputs
from selbox.store.policyfiles import compile_sources, policy_sources, sole_kernel_policy
from selbox.typing import Final, NamedTuple

_RULES: Final = "<rules>"
_ASSERTION: Final = "neverallow"
_VIOLATED: Final = "cil-neverallow"


class Violation(NamedTuple):
    """A rule that an assertion forbids.

    Attributes:
        line: of the rule, from 1.
        place: where the assertion was written.
        rule: the part of the rule that it forbids.
    """

    line: int
    place: str
    rule: str


def violations(paths: Sequence[str], rules: Iterable[str], *, base: bool) -> list[Violation]:
    """Compile a policy's sources together with further rules, and return what its assertions forbid of them.

    A kernel policy holds no assertions: they were checked when it was compiled.

    Args:
        paths: the policy's sources.
        rules: CIL, a statement each; asked for only where there are assertions.
        base: whether to take the base policy, as :func:`selbox.store.policyfiles.load_policy` does.

    Raises:
        SelboxError: when a source cannot be read.
    """
    inputs = read_inputs(paths, Diagnostics())
    if sole_kernel_policy(inputs) is not None:
        return []
    sources = policy_sources(inputs, Diagnostics())
    if not any(_ASSERTION in each.text for each in sources):
        return []
    lines = list(rules)
    added = SourceFile(_RULES, "\n".join(lines))
    try:
        compile_sources([*sources, added], base=base, diagnostics=Diagnostics(limit=max(50, len(lines))))
    except SelboxError as error:
        found: list[Violation] = []
        for each in error.diagnostics:
            spans = [span for _, span in each.notes if span is not None and span.source is added]
            if each.code == _VIOLATED and spans:
                forbidden = each.message.partition("`")[2].rstrip("`")
                found += (Violation(span.line, each.span.place if each.span else "", forbidden) for span in spans)
        return found
    return []
