"""The small policy that has a statement of every kind, for tests of queries."""

from functools import cache

from tests.oracles.commandlines import EVERYTHING

from selbox.analysis.asserted import assertions
from selbox.analysis.catalogue import Catalogue
from selbox.binary.kernel import read_policy, write_policy
from selbox.compiler.compile import compile_resolved
from selbox.diagnostics import SourceFile
from selbox.language.cil import parse
from selbox.model.policy import Policy


@cache
def compiled() -> Policy:
    """Return it as its source says it."""
    return compile_resolved([parse(SourceFile("everything.cil", EVERYTHING.read_text()))])[0]


@cache
def read() -> Policy:
    """Return it as a binary has it."""
    return read_policy(write_policy(compiled(), 33), "everything.33")


def catalogue(*texts: str) -> Catalogue:
    """Return what its source, and perhaps more, hold."""
    sources = [SourceFile("everything.cil", EVERYTHING.read_text())]
    sources += [SourceFile(f"more{number}.cil", text) for number, text in enumerate(texts, 1)]
    policy, resolution = compile_resolved([parse(each) for each in sources])
    return Catalogue.of(policy, 0, assertions(resolution, policy))
