"""Threads that run programs at the same time: one of them does, and nobody waits for ever."""

import errno
import shutil
from pathlib import Path

import pytest

from tests.enforce.boxes import Box
from tests.enforce.test_races import compiled
from tests.strength import tries

pytestmark = [
    pytest.mark.enforcement,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="the attackers are C programs, and there is no gcc"),
]

PRELUDE = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static volatile int *shared;
static void *run(void *unused) {
    while (!shared[0]) sched_yield();
    execl("/bin/true", "true", NULL);
    return unused;
}
static void *sleep_on(void *unused) {
    shared[1] = syscall(SYS_gettid);
    for (;;) pause();
    return unused;
}
"""

AT_ONCE = (
    PRELUDE
    + r"""
int main(void) {
    pthread_t thread;
    shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < ROUNDS; i++) {
        int status;
        shared[0] = 0;
        if (!fork()) {
            for (int j = 0; j < 12; j++) pthread_create(&thread, 0, run, 0);
            shared[0] = 1;
            run(0);
            _exit(1);
        }
        wait(&status);
        if (status) printf("%x\n", status);
    }
    puts("done");
    return 0;
}
"""
)

STUCK = (
    PRELUDE
    + r"""
/* The tracer of a thread never hears of its end, so that the others wait for that before one of them runs a program. */
int main(void) {
    pthread_t thread;
    int ready[2], child;
    char byte;
    shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pipe(ready);
    if (!(child = fork())) {
        pthread_create(&thread, 0, sleep_on, 0);
        while (!shared[1]) sched_yield();
        int leader = getpid();
        if (!fork()) {
            if (ptrace(PTRACE_SEIZE, shared[1], 0, 0)) perror("seize");
#ifdef WHOLE
            if (ptrace(PTRACE_SEIZE, leader, 0, PTRACE_O_TRACEEXEC)) perror("seize");
#endif
            write(ready[1], "x", 1);
            for (;;) pause();
        }
        for (int i = 0; i < 8; i++) pthread_create(&thread, 0, run, 0);
        read(ready[0], &byte, 1);
        shared[0] = 1;
        run(0);
        _exit(1);
    }
    while (!shared[0]) sched_yield();
    usleep(200000);
    if (!setpriority(PRIO_PROCESS, shared[1], 1)) errno = 0;
    printf("%d\n", errno);
    printf("%d\n", open("/etc/passwd", O_RDONLY) >= 0);
    return 0;
}
"""
)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path, "")


def test_threads_that_run_programs_at_once(box: Box) -> None:
    """The kernel ends all threads but one, which waits for each that the supervisor holds until that has seen it."""
    outcome = box.run(str(compiled(box, "attacker", AT_ONCE, tries(800))), timeout=120)
    assert (outcome.output, outcome.errors) == ("done\n", "")


@pytest.mark.parametrize("whole", ["", "#define WHOLE\n"], ids=["a thread is traced", "who runs it is traced too"])
def test_a_tracer_that_waits_for_nobody_stops_nobody_else(box: Box, whole: str) -> None:
    outcome = box.run(str(compiled(box, "attacker", whole + STUCK)), timeout=120)
    number, opened = map(int, outcome.output.split())
    assert number in (0, errno.EPERM, errno.ESRCH)
    assert opened
