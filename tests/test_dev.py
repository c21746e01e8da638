import importlib.util
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parent.parent / "dev"


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load the script, set to a checkout that holds nothing but its packaging."""
    # No __pycache__ of a file without an extension.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = SourceFileLoader("dev", str(SCRIPT))
    spec = importlib.util.spec_from_loader("dev", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    monkeypatch.setattr(module, "ROOT", str(tmp_path))
    monkeypatch.setattr(module, "VENV", str(tmp_path / ".venv"))
    monkeypatch.setattr(module, "PYTHON", str(tmp_path / ".venv/bin/python"))
    monkeypatch.setattr(module, "STAMP", str(tmp_path / ".venv/selbox-setup"))
    return module


def finish_environment(dev: ModuleType, extras: str) -> None:
    python = Path(dev.PYTHON)
    python.parent.mkdir(parents=True, exist_ok=True)
    python.touch(mode=0o755)
    Path(dev.STAMP).write_text(dev.fingerprint(extras))


def test_an_environment_is_stale_until_it_is_set_up(dev: ModuleType) -> None:
    assert not dev.is_fresh("")
    finish_environment(dev, "")
    assert dev.is_fresh("")
    assert not dev.is_fresh("dev"), "the developers' tools are not in it"


def test_an_environment_with_more_will_do(dev: ModuleType) -> None:
    finish_environment(dev, "dev")
    assert dev.is_fresh("")
    assert dev.is_fresh("dev")


def test_an_environment_is_stale_after_packaging_changed(dev: ModuleType) -> None:
    finish_environment(dev, "dev")
    (Path(dev.ROOT) / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert not dev.is_fresh("dev")


def test_an_environment_is_stale_after_the_checkout_moved(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    finish_environment(dev, "")
    (Path(dev.ROOT) / "moved").mkdir()
    (Path(dev.ROOT) / "moved/pyproject.toml").write_text("[project]\n")
    monkeypatch.setattr(dev, "ROOT", dev.ROOT + "/moved")
    assert not dev.is_fresh("")


def test_a_python_without_venv_is_told_the_package(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert dev.main(["test"]) == 1
    assert "apt-get install python3-venv" in capsys.readouterr().err


def test_a_python_that_is_too_old_is_told_so(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dev, "LEAST_PYTHON", (3, 99))
    assert dev.main(["test"]) == 1
    assert "selbox needs Python 3.99 or newer" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "status"), [([], 2), (["--help"], 0), (["nonsense"], 2), (["check", "x"], 2)])
def test_the_command_line_exits_as_documented(words: list[str], status: int) -> None:
    ended = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True, check=False)
    assert ended.returncode == status
    assert "Traceback" not in ended.stderr


def test_a_child_s_status_is_passed_on_as_a_shell_would(dev: ModuleType) -> None:
    assert dev.shell_status(3) == 3
    assert dev.shell_status(-15) == 143
