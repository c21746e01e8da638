"""Numbers of classes and permissions are those of the binary policy; file contexts those of secilc's list."""

import ctypes.util
import subprocess
import sys
from pathlib import Path

import pytest
from tests.compiler.policies import BASE, compile_texts
from tests.oracles.secilc import compile_reference, requires_secilc

from selbox.model.context_text import format_context
from selbox.model.labelling import FileKind

ORDERS = (
    "(class zebra (run)) (class yak (run)) (class more (b a)) (classorder (unordered zebra yak)) "
    "(classcommon more file_common) (classorder (socket more))"
)


def shipped() -> list[str]:
    directory = Path(__file__).parent.parent.parent / "src" / "selbox" / "policies" / "base"
    return [path.read_text() for path in sorted(directory.glob("*.cil"))]


@pytest.mark.oracle
@requires_secilc
@pytest.mark.skipif(ctypes.util.find_library("sepol") is None, reason="libsepol is not installed")
@pytest.mark.parametrize("texts", [[BASE, ORDERS], shipped()], ids=["small", "shipped"])
def test_classes_and_permissions_have_libsepols_numbers(texts: list[str], tmp_path: Path) -> None:
    policy = compile_texts(*texts)
    (tmp_path / "policy").write_bytes(compile_reference(*texts, read=False).binary)
    asked = "\n".join(f"{each.name} {' '.join(each.permissions)}" for each in policy.classes)
    script = Path(__file__).parent.parent / "oracles" / "libsepol_numbers.py"
    answer = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "policy")], input=asked, capture_output=True, text=True, check=True
    )
    ours = [
        " ".join([each.name, str(number), *(str(1 << bit) for bit in range(len(each.permissions)))])
        for number, each in enumerate(policy.classes, 1)
    ]
    assert [line.rstrip() for line in answer.stdout.splitlines()] == ours


KINDS = {"--": FileKind.FILE, "-d": FileKind.DIRECTORY, "-c": FileKind.CHARACTER, "-b": FileKind.BLOCK}
KINDS |= {"-s": FileKind.SOCKET, "-p": FileKind.PIPE, "-l": FileKind.SYMLINK}


@pytest.mark.oracle
@requires_secilc
def test_file_contexts_are_those_that_secilc_lists() -> None:
    texts = shipped()
    reference = set()
    for line in compile_reference(*texts, read=False).file_contexts.splitlines():
        pattern, *kind, context = line.split()
        reference.add((pattern, KINDS[kind[0]] if kind else FileKind.ANY, context))
    policy = compile_texts(*texts)
    ours = {
        (each.pattern, each.kind, format_context(policy, each.context) if each.context else "<<none>>")
        for each in policy.file_contexts
    }
    assert ours == reference
    assert ours
