"""Every seed goes through its harness: what was found once stays mended, and no harness rots."""

import importlib
from pathlib import Path

import pytest
from common import check, seeds

FUZZ = Path(__file__).parent.parent.parent / "fuzz"
NAMES = sorted(path.stem.removeprefix("fuzz_") for path in FUZZ.glob("fuzz_*.py"))


@pytest.mark.parametrize(
    "path", [pytest.param(path, id="/".join(Path(path).parts[-2:])) for name in NAMES for path in seeds(name)]
)
def test_a_seed_is_taken_or_refused(path: str) -> None:
    harness = importlib.import_module(f"fuzz_{Path(path).parent.name}").HARNESS
    taken = check(harness, Path(path).read_bytes())
    assert taken or not Path(path).name.startswith("taken-")


def test_every_harness_is_described() -> None:
    table = (FUZZ / "README.md").read_text()
    assert [name for name in NAMES if f"`fuzz_{name}.py`" not in table] == []
