"""The plugin in a run of pytest of its own."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

POLICY = "(block web (blockinherit domain))\n(type page_t)\n(allow web.t page_t (file (read)))\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "web.cil").write_text(POLICY)
    (tmp_path / "pytest.ini").write_text("[pytest]\nselbox_policy = web.cil\n")
    return tmp_path


def run(project: Path, *words: str) -> tuple[int, str]:
    is_installed = any(each.value == "selbox.testing.plugin" for each in entry_points(group="pytest11"))
    loaded = [] if is_installed else ["-p", "selbox.testing.plugin"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *loaded, *words]
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout


def test_lines_are_tests(project: Path) -> None:
    (project / "web.expect").write_text(
        "allow web.t page_t:file read\n[booleans]\n"
        "deny web.t page_t:file { read write }\nallow web.tt page_t:file read\n"
    )
    status, shown = run(project)
    assert status == 1
    assert "1 passed" in shown
    assert "2 failed" in shown
    assert (
        "web.expect:3:1: deny web.t page_t:file { read write }\n    system_u:system_r:web.t:s0 "
        "system_u:object_r:page_t:s0:file read is granted by (allow web.t page_t (file (read)))"
    ) in shown
    assert "the policy has no type `web.tt`" in shown
    assert "Traceback" not in shown


def test_a_file_with_wrong_lines_is_an_error(project: Path) -> None:
    (project / "web.expect").write_text("alow web.t page_t:file read\n")
    status, shown = run(project)
    assert status == 2
    assert "`alow` begins no expectation" in shown


def test_the_policy_of_the_command_line_comes_first(project: Path) -> None:
    other = project / "other.cil"
    other.write_text(POLICY.replace("read", "write"))
    (project / "web.expect").write_text("allow web.t page_t:file write\n")
    assert run(project)[0] == 1
    assert run(project, "--selbox-policy", str(other))[0] == 0


def test_fixtures(project: Path) -> None:
    (project / "test_web.py").write_text(
        "import pytest\n"
        "def test_expect(selbox_expect):\n"
        "    selbox_expect('allow web.t page_t:file read')\n"
        "    with pytest.raises(AssertionError, match='no rule'):\n"
        "        selbox_expect('allow web.t page_t:file write')\n"
        "    with pytest.raises(pytest.fail.Exception, match='unknown-type'):\n"
        "        selbox_expect('allow web.tt page_t:file write')\n"
        "def test_server(selbox_server, selbox_policy):\n"
        "    assert selbox_server.policy is selbox_policy\n"
        "    web = selbox_server.context_to_sid('system_u:system_r:web.t:s0')\n"
        "    page = selbox_server.context_to_sid('system_u:object_r:page_t:s0')\n"
        "    read = selbox_server.vector('file', ['read'])\n"
        "    assert selbox_server.compute_access(web, page, read.object_class).allowed & read.vector\n"
    )
    status, shown = run(project)
    assert status == 0, shown
