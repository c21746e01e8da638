"""Signals that come before the supervisor has received a call: nothing was done, and the call is made again."""

from pathlib import Path

import pytest

from tests.enforce.boxes import Box
from tests.enforce.clients import needs
from tests.enforce.test_races import compiled
from tests.strength import tries

pytestmark = [pytest.mark.enforcement, needs("gcc")]

SIGNALLED = """
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
static void count(int number) {
    static int seen;
    struct itimerval never = {{0, 0}, {0, 0}};
    (void)number;
    if (++seen == 4 * ROUNDS) setitimer(ITIMER_REAL, &never, 0); /* on a machine that has time for nothing else */
}
static int again(int result, int round, int *interrupted) {
    if (result >= 0) return 0;
    if (errno != EINTR) printf("round %d: %d\\n", round, errno);
    *interrupted += errno == EINTR;
    return errno == EINTR;
}
int main(int words, char **word) {
    struct sigaction action = {.sa_handler = count, .sa_flags = words > 1 ? SA_RESTART : 0};
    struct itimerval often = {{0, 500}, {0, 500}};
    int interrupted = 0;
    sigaction(SIGALRM, &action, 0);
    setitimer(ITIMER_REAL, &often, 0);
    for (int round = 0; round < ROUNDS; round++) {
        int file;
        while (again(mkdir("made", 0700), round, &interrupted)) {}
        while (again(rename("made", "moved"), round, &interrupted)) {}
        while (again(file = open("moved", O_RDONLY | O_DIRECTORY), round, &interrupted)) {}
        close(file);
        while (again(rmdir("moved"), round, &interrupted)) {}
    }
    printf("done%s\\n", words > 1 && interrupted ? ", but interrupted" : "");
    return 0;
}
"""


@pytest.mark.parametrize("options", [pytest.param((), id="told"), pytest.param(("restart",), id="made again")])
def test_a_call_is_done_once_whatever_signals_come(tmp_path: Path, options: tuple[str, ...]) -> None:
    box = Box(tmp_path, "")
    program = compiled(box, "signalled", SIGNALLED, tries(2000))
    outcome = box.run(str(program), *options)
    assert outcome.output == "done\n", outcome.errors
