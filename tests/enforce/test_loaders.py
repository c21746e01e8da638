"""Dynamic loaders that programs name: who starts a program must be let run its loader too, and no other is mapped."""

import os
import shutil
from pathlib import Path

import pytest

from tests.enforce.boxes import Box
from tests.enforce.clients import USERS, make_box, needs
from tests.enforce.test_races import compiled, label
from tests.strength import tries

NAMED = b"/lib64/ld-linux-x86-64.so.2"
TRUE = Path(shutil.which("true", path="/usr/bin:/bin") or "/bin/true")

pytestmark = [
    pytest.mark.enforcement,
    needs("gcc", "chcon", "true", "ln", "mv"),
    pytest.mark.skipif(not TRUE.exists() or NAMED not in TRUE.read_bytes(), reason="true has no such loader"),
]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type tool_t) (call file_type (tool_t))
(type shut_t) (call file_type (shut_t))
(call run_files (cat_t tool_t)) (call manage_files (cat_t tool_t))
(allow cat_t tool_t (file (relabelfrom))) (allow cat_t shut_t (file (getattr relabelto)))
(allow cat_t tool_t (dir (relabelfrom))) (allow cat_t shut_t (dir (getattr relabelto)))
"""

OTHER_LOADER = """
__asm__(".globl _start\\n_start: mov $60, %eax\\n mov $66, %edi\\n syscall");
"""
"""Loads nothing: who is started by it ends with 66."""

ATTACKER = """
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
    int evil = 0;
    pid_t flipper = fork();
    for (int turn = 0; !flipper; turn++) {
        symlink(turn % 2 ? "shut.so" : "good.so", "new");
        rename("new", "ld.so");
    }
    for (int i = 0; i < ROUNDS; i++) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            char *arguments[] = {"program", 0};
            execv("./program", arguments);
            _exit(9);
        }
        waitpid(child, &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 66) evil++;
    }
    kill(flipper, SIGKILL);
    printf("%d evil\\n", evil);
    return 0;
}
"""


@pytest.fixture(params=USERS)
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Box:
    """A box with two loaders and a program that names a link to the first; the other is closed to its domain."""
    made = make_box(tmp_path_factory, POLICY, request.param)
    shutil.copy(NAMED.decode(), made.directory / "good.so")
    compiled(made, "shut.so", OTHER_LOADER, 0, "-nostdlib")
    (made.directory / "ld.so").symlink_to("good.so")
    program = made.directory / "program"
    program.write_bytes(TRUE.read_bytes().replace(NAMED, b"./ld.so".ljust(len(NAMED), b"\0")))
    program.chmod(0o755)
    if request.param is not None:
        for each in (*made.directory.iterdir(), made.directory):
            os.chown(each, request.param, -1, follow_symlinks=False)
    return made


def options(box: Box) -> tuple[str, ...]:
    """Return options that label the directory, and the other loader in its own way."""
    return ("--domain", "cat_t", label(box.directory, "tool_t"), label(box.directory / "shut.so", "shut_t"))


@pytest.mark.parametrize(
    ("change", "status", "denied"),
    [
        pytest.param(":", 0, 0, id="nothing"),
        pytest.param("chcon -t shut_t good.so", 126, 1, id="another label"),
        pytest.param("ln -sf shut.so ld.so", 126, 1, id="another file"),
        pytest.param("rm good.so", 127, 0, id="gone"),
        pytest.param("chmod -x good.so", 126, 0, id="no program any more"),
        pytest.param("mkdir d; mv good.so d; chcon -t shut_t d; ln -sf d/good.so ld.so", 126, 0, id="out of reach"),
    ],
)
def test_the_loader_of_a_program_that_ran_before_is_asked_about(
    box: Box, change: str, status: int, denied: int
) -> None:
    outcome = box.shell(f"go() {{ ./program 2>&-; echo $?; }}; go; go; {change}; go", *options(box))
    assert outcome.output == f"0\n0\n{status}\n", outcome.errors
    assert len(outcome.denied("file", "execute")) == denied


def test_a_loader_that_is_not_allowed_is_not_mapped_by_who_is_quick(box: Box) -> None:
    compiled(box, "attacker", ATTACKER, tries(400))
    outcome = box.run("./attacker", options=options(box))
    assert outcome.output == "0 evil\n", outcome.errors


def test_a_program_without_a_loader_runs(box: Box) -> None:
    compiled(box, "alone", OTHER_LOADER, 0, "-nostdlib")
    assert box.shell("./alone; echo $?; ./alone; echo $?", *options(box)).output == "66\n66\n"
