"""Two boxes on a machine: what the supervisor of one does to a program of the other for a moment disturbs it not."""

import os
import shutil
import subprocess

import pytest

from tests.enforce.boxes import environment
from tests.enforce.clients import make_box
from tests.enforce.test_races import compiled
from tests.patience import PATIENCE
from tests.strength import tries

AGAIN = r"""
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int count, char **words) {
    char left[16], failed[16];
    if (count < 3) printf("%d\n", getpid()), fflush(stdout), getchar();
    int failures = count < 3 ? 0 : atoi(words[2]);
    int todo = atoi(words[1]);
    sprintf(left, "%d", todo - 1);
    while ((todo > 0 || (todo > -10000 && access("enough", F_OK))) && failures < 100) {
        sprintf(failed, "%d", failures);
        execl(words[0], words[0], left, failed, NULL);
        failures++;
    }
    printf("%d\n", failures);
    return 0;
}
"""
"""Runs itself many times, and on until it was held often enough, and tells how often that failed."""

HOLDER = r"""
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int count, char **words) {
    int pid = atoi(words[1]), held = 0, status;
    while (!kill(pid, 0) && held < 100000) {
        pid_t child = fork();
        if (!child) {
            long result = ptrace(PTRACE_SEIZE, pid, 0, 0);
            usleep(300);
            _exit(result == 0);
        }
        waitpid(child, &status, 0);
        held += WEXITSTATUS(status);
        if (held == 6) mkdir("enough", 0700);
        usleep(300);
    }
    printf("%d\n", held);
    return 0;
}
"""
"""Traces a process for a moment, as supervisors hold one whose number is not to become another's."""


@pytest.mark.enforcement
@pytest.mark.skipif(shutil.which("gcc") is None, reason="the programs are C, and there is no gcc")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root traces what is not its child, on many machines")
def test_who_is_held_by_another_supervisor_runs_its_programs(tmp_path_factory: pytest.TempPathFactory) -> None:
    box = make_box(tmp_path_factory, "", None)
    again = compiled(box, "again", AGAIN)
    holder = compiled(box, "holder", HOLDER)
    command = [*box.arguments(), str(again), str(tries(200))]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(), cwd=box.directory
    ) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        number = run.stdout.readline().strip()
        with subprocess.Popen([str(holder), number], stdout=subprocess.PIPE, text=True, cwd=box.directory) as holding:
            run.stdin.close()
            failures = run.stdout.readline()
            run.wait(PATIENCE)
            held = int(holding.communicate(timeout=PATIENCE)[0])
    assert failures == "0\n"
    assert held > 5, "it was never held, which proves nothing"
