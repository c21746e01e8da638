"""Every stable code of a diagnostic is explained in docs/errors.md, and nothing else is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
CODE = re.compile(r"usage\Z|[a-z]+-([a-z0-9]+-)*[a-z0-9]*\Z")
"""Kebab case, of two words or more but for one. A code that is completed where it is used, ``cil-unknown-`` with
a kind, ends in a dash here."""

CARRIERS = re.compile(r"(Diagnostic|\w*Error|of|_?error|_?warning|_?fail\w*|broken)\Z")
"""Names of what is called with a code as its first argument."""


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((ROOT / "src").rglob("*.py")):
        yield path, ast.parse(path.read_text())


def constants_of_all_modules() -> dict[str, str]:
    """Module-level names that stand for a text."""
    constants = {}
    for _, tree in trees():
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                constants.update(
                    {each.id: str(node.value.value) for each in node.targets if isinstance(each, ast.Name)}
                )
    return constants


def text_of(node: ast.expr, constants: dict[str, str]) -> str:
    """Return the text that an expression surely begins with; empty where that cannot be seen."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name):
        return constants.get(node.id, "")
    if isinstance(node, ast.JoinedStr):
        return text_of(node.values[0], constants)
    return ""


def codes_used() -> dict[str, str]:
    """Code to the place of one use."""
    constants = constants_of_all_modules()
    used = {}
    for path, tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            given = [*node.args[:1], *(each.value for each in node.keywords if each.arg == "code")]
            for code in (text_of(each, constants) for each in given):
                if CARRIERS.match(name) and CODE.match(code):
                    used[code] = f"{path.relative_to(ROOT)}:{node.lineno}"
    return used


def codes_documented() -> list[str]:
    return re.findall(r"^\| `([a-z0-9-]+)(?:KIND)?` \|", (ROOT / "docs" / "errors.md").read_text(), re.MULTILINE)


def test_every_code_in_the_source_is_documented() -> None:
    documented = set(codes_documented())
    missing = {code: place for code, place in codes_used().items() if code not in documented}
    assert missing == {}, "add a row to docs/errors.md"


def test_every_documented_code_is_in_the_source() -> None:
    texts = [path.read_text() for path, _ in trees()]
    gone = [code for code in codes_documented() if not any(f'"{code}' in text for text in texts)]
    assert gone == []


def test_codes_are_documented_once_and_in_order() -> None:
    documented = codes_documented()
    assert documented == sorted(set(documented))
