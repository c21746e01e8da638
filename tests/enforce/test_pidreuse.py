"""Process numbers that are used again: what is decided about one process is never done to another."""

import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from tests.enforce.boxes import Box
from tests.enforce.clients import make_box

NEXT = Path("/proc/sys/kernel/ns_last_pid")

pytestmark = [
    pytest.mark.enforcement,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="the attackers are C programs, and there is no gcc"),
    pytest.mark.skipif(not os.access(NEXT, os.W_OK), reason="only root says which process number comes next"),
]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type dog_t) (call domain_type (dog_t))
(type dog_exec_t) (call file_type (dog_exec_t))
(type cat_exec_t) (call file_type (cat_exec_t))
(type yard_t) (call file_type (yard_t))
(call read_files (cat_t yard_t))
(call manage_files (dog_t yard_t))
(call domain_transition (kernel_t dog_exec_t dog_t))
(call domain_transition (kernel_t cat_exec_t cat_t))
"""

VICTIM = r"""
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
/* Makes children under numbers that are about to be used again, each of which sees whether somebody changed it. */
int main(void) {
    int changed = 0, same = 0, nice_before = getpriority(PRIO_PROCESS, 0);
    fclose(fopen("ready", "w"));
    for (int i = 0; i < ROUNDS; i++) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            struct rlimit limit;
            int bad = 0;
            for (int j = 0; j < 20; j++) {
                usleep(50);
                getrlimit(RLIMIT_CORE, &limit);
                if (getpriority(PRIO_PROCESS, 0) != nice_before || limit.rlim_cur == 4321) bad = 1;
            }
            _exit(bad);
        }
        if (child >= NUMBER && child < NUMBER + 8) same++;
        waitpid(child, &status, 0);
        if (status) changed++; /* by the child's own word, or by a signal */
    }
    FILE *result = fopen("result", "w");
    fprintf(result, "%d %d\n", changed, same);
    fclose(result);
    return 0;
}
"""

ATTACKER = r"""
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
static volatile int mine, done[3];
static void *change(void *unused) {
    struct rlimit limit = {4321, RLIM_INFINITY};
    for (int i = NUMBER;; i = i < NUMBER + 7 ? i + 1 : NUMBER) {
        if (setpriority(PRIO_PROCESS, i, 15) == 0) done[0]++;
        if (prlimit(i, RLIMIT_CORE, &limit, 0) == 0) done[1]++;
        if (kill(i, SIGUSR1) == 0) done[2]++;
    }
    return unused;
}
int main(void) {
    pthread_t thread;
    pthread_create(&thread, 0, change, 0);
    while (access("result", F_OK)) {
        pid_t child = fork();
        if (child == 0) { signal(SIGUSR1, SIG_IGN); usleep(300); _exit(0); }
        if (child >= NUMBER && child < NUMBER + 8) mine++;
        waitpid(child, 0, 0);
    }
    printf("%d %d %d %d\n", mine, done[0], done[1], done[2]);
    return 0;
}
"""


def compiled(box: Box, name: str, source: str, number: int) -> None:
    command = ["gcc", "-O1", "-static", "-pthread", "-DROUNDS=1500", f"-DNUMBER={number}", "-x", "c", "-"]
    program = box.directory / name
    subprocess.run([*command, "-o", str(program)], input=source, text=True, check=True, capture_output=True)


def free_number() -> int:
    """Return a process number that is far from those in use."""
    used = {int(name) for name in os.listdir("/proc") if name.isdigit()}
    highest = int(Path("/proc/sys/kernel/pid_max").read_text()) - 1000
    return next(each for each in range(highest, 1000, -1) if not used & set(range(each - 100, each + 500)))


def test_a_number_that_comes_to_mean_another_process_is_noticed(tmp_path_factory: pytest.TempPathFactory) -> None:
    box = make_box(tmp_path_factory, POLICY, None)
    number = free_number()
    compiled(box, "dog", VICTIM, number)
    compiled(box, "cat", ATTACKER, number)
    stop = threading.Event()

    def steer() -> None:
        while not (box.directory / "ready").exists() and not stop.wait(0.01):
            pass
        while not stop.wait(0.0002):
            NEXT.write_text(str(number - 1))

    steering = threading.Thread(target=steer)
    steering.start()
    names = ((box.directory, "yard_t"), (box.directory / "dog", "dog_exec_t"), (box.directory / "cat", "cat_exec_t"))
    labels = tuple(f"--label={path}=system_u:object_r:{name}:s0" for path, name in names)
    try:
        outcome = box.run("/bin/sh", "-c", "./cat & sleep 0.3; ./dog; wait", options=labels, timeout=120)
    finally:
        stop.set()
        steering.join()
    changed, victims = map(int, (box.directory / "result").read_text().split())
    attackers, priorities, limits, signals = map(int, outcome.output.split())
    assert changed == 0
    assert min(victims, attackers) > 20, "both must have had the number, or it proves nothing"
    assert min(priorities, limits, signals) > 20, "what is allowed must have been done"
