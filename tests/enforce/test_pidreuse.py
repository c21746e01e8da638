"""Process numbers that are used again: what is decided about one process is never done to another."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from selbox.enforce.pidnumbers import can_translate
from tests.enforce.boxes import Box
from tests.enforce.clients import make_box, needs
from tests.enforce.test_races import RACE
from tests.strength import tries

NEXT = Path("/proc/sys/kernel/ns_last_pid")
NUMBER = 1000
"""The first of those that are used again, far from others in a new namespace."""

pytestmark = [
    pytest.mark.enforcement,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="the attackers are C programs, and there is no gcc"),
    pytest.mark.skipif(
        os.geteuid() != 0 or not os.access(NEXT, os.W_OK), reason="only root says which process number comes next"
    ),
    needs("unshare"),
]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type dog_t) (call domain_type (dog_t))
(type dog_exec_t) (call file_type (dog_exec_t))
(type cat_exec_t) (call file_type (cat_exec_t))
(type yard_t) (call file_type (yard_t))
(call manage_files (cat_t yard_t))
(call manage_files (dog_t yard_t))
(call domain_transition (kernel_t dog_exec_t dog_t))
(call domain_transition (kernel_t cat_exec_t cat_t))
"""

VICTIM = r"""
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "race.h"
/* Makes children under numbers that are about to be used again, each of which sees whether somebody changed it. */
int main(void) {
    int changed = 0, same = 0, nice_before = getpriority(PRIO_PROCESS, 0);
    fclose(fopen("ready", "w"));
    for (int i = 0; GOES_ON(i, same > 20 && !access("enough", F_OK)); i++) {
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
#include <sys/stat.h>
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
    signal(SIGUSR1, SIG_IGN); /* its thread may have one of the numbers */
    pthread_create(&thread, 0, change, 0);
    for (int told = 0; access("result", F_OK);) {
        pid_t child = fork();
        if (child == 0) { usleep(300); _exit(0); }
        if (child >= NUMBER && child < NUMBER + 8) mine++;
        waitpid(child, 0, 0);
        if (!told && mine > 20 && done[0] > 20 && done[1] > 20 && done[2] > 20) told = !mkdir("enough", 0700);
    }
    printf("%d %d %d %d\n", mine, done[0], done[1], done[2]);
    return 0;
}
"""

ANIMAL = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "race.h"
#define PLACE ((volatile long *)0x200000000)
enum { SEIZED, READ, TAKEN, WAYS };
static volatile int *tries, *done, *leaked;
static void seize(void) {
    for (int i = NUMBER;; i = i < NUMBER + 7 ? i + 1 : NUMBER) {
        int status;
        ++*tries;
        if (!ptrace(PTRACE_SEIZE, i, 0, 0) && !ptrace(PTRACE_INTERRUPT, i, 0, 0) &&
            waitpid(i, &status, __WALL) == i && WIFSTOPPED(status)) {
            long word = ptrace(PTRACE_PEEKDATA, i, PLACE, 0);
            if (word == 'c') done[SEIZED]++;
            if (word == 'd') leaked[SEIZED]++;
            ptrace(PTRACE_DETACH, i, 0, 0);
        }
        while (waitpid(-1, &status, __WALL | WNOHANG) > 0) {} /* who was seized and may not be touched has ended */
    }
}
static void *look(void *unused) {
    long word;
    struct iovec own = {&word, sizeof word}, other = {(void *)PLACE, sizeof word};
    for (int i = NUMBER;; i = i < NUMBER + 7 ? i + 1 : NUMBER) {
        ++*tries;
        if (process_vm_readv(i, &own, 1, &other, 1, 0) == sizeof word) {
            if (word == 'c') done[READ]++;
            if (word == 'd') leaked[READ]++;
        }
    }
    return unused;
}
static void *take(void *unused) {
    for (int i = NUMBER;; i = i < NUMBER + 7 ? i + 1 : NUMBER) {
        char byte = 0;
        int process = syscall(SYS_pidfd_open, i, 0), taken = syscall(SYS_pidfd_getfd, process, 100, 0);
        ++*tries;
        pread(taken, &byte, 1, 0);
        if (byte == 'c') done[TAKEN]++;
        if (byte == 'd') leaked[TAKEN]++;
        close(taken);
        close(process);
    }
    return unused;
}
int main(int count, char **words) {
    int kind = strstr(words[0], "cat") ? 'c' : 'd', same = 0, tracer = 0, told = 0;
    char name[2] = {kind}, byte = kind;
    pthread_t thread;
    mmap((void *)PLACE, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    *PLACE = kind;
    dup2(open(name, O_RDWR | O_CREAT, 0600), 100);
    write(100, &byte, 1);
    tries = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    done = tries + 1, leaked = done + WAYS;
    if (kind == 'c') {
        tracer = fork();
        if (!tracer) seize();
        pthread_create(&thread, 0, look, 0);
        pthread_create(&thread, 0, take, 0);
    } else {
        fclose(fopen("ready", "w"));
    }
    for (int i = 0; kind == 'c' ? access("result", F_OK) : GOES_ON(i, same > 20 && !access("enough", F_OK)); i++) {
        pid_t child = fork();
        if (child == 0) { usleep(kind == 'c' ? 6000 : 1000); _exit(0); }
        if (child >= NUMBER && child < NUMBER + 8) same++;
        waitpid(child, 0, 0);
        if (kind == 'd' || told || same <= 20 || *tries <= 3000) continue;
        if (done[SEIZED] > 20 && done[READ] > 20 && done[TAKEN] > 20) told = !mkdir("enough", 0700);
    }
    if (tracer) kill(tracer, SIGKILL);
    FILE *out = kind == 'c' ? stdout : fopen("result", "w");
    fprintf(out, "%d", same);
    if (kind == 'c') for (int i = 0; i < WAYS; i++) fprintf(out, " %d %d", done[i], leaked[i]);
    fprintf(out, " %d\n", *tries);
    fclose(out);
    _exit(0);
}
"""

KEEPER = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
static char room[65536], path[8] = "cat";
static int ask(void *unused) { access(path, R_OK); _exit(0); }
int main(void) {
    volatile int *counts = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < ROUNDS; i++) {
        pid_t child = 0, asking = clone(ask, room + sizeof room, CLONE_VM | SIGCHLD, 0);
        waitpid(asking, 0, 0);
        for (int j = 0; j < 2000 && child != asking; j++) {
            child = fork();
            if (!child && getpid() == asking) {
                char byte = 0;
                strcpy(path, "dog");
                counts[0]++;
                if (read(open(path, O_RDONLY), &byte, 1) != 1 || byte != 'd') counts[1]++;
            }
            if (!child) _exit(0);
            waitpid(child, 0, 0);
        }
    }
    printf("%d %d\n", counts[0], counts[1]);
    return 0;
}
"""
"""Has a task ask for something that has its memory, and another one get its number at once, with memory of its own."""


def compiled(box: Box, name: str, source: str, number: int, rounds: int = 1500) -> None:
    defined = (f"-DROUNDS={rounds}", f"-DNUMBER={number}")
    command = ["gcc", "-O1", "-static", "-pthread", *RACE, *defined, "-x", "c", "-"]
    program = box.directory / name
    subprocess.run([*command, "-o", str(program)], input=source, text=True, check=True, capture_output=True)


def labels(box: Box) -> tuple[str, ...]:
    """Return options that label what the animals are and make."""
    names = ((box.directory, "yard_t"), (box.directory / "dog", "dog_exec_t"), (box.directory / "cat", "cat_exec_t"))
    return tuple(f"--label={path}=system_u:object_r:{name}:s0" for path, name in names)


STEERING = f"""
(while test ! -e ready; do sleep 0.01; done; while test ! -e result; do echo {NUMBER - 1} >{NEXT}; done) &
"$@"
"""
"""Has processes get the same numbers again and again, in a namespace, outside of which nobody is met under them."""


def race(factory: pytest.TempPathFactory, rules: str, dog: str, cat: str) -> tuple[list[int], list[int]]:
    """Have a dog and a cat make children under the same numbers; return what each of them told."""
    box = make_box(factory, POLICY + rules, None)
    compiled(box, "dog", dog, NUMBER)
    compiled(box, "cat", cat, NUMBER)
    script = "./cat & sleep 0.3; ./dog; wait"
    around = ("unshare", "-pf", "--mount-proc", "/bin/sh", "-c", STEERING, "sh")
    outcome = box.run("/bin/sh", "-c", script, options=labels(box), timeout=240, around=around)
    return list(map(int, (box.directory / "result").read_text().split())), list(map(int, outcome.output.split()))


def test_a_number_that_comes_to_mean_another_process_is_noticed(tmp_path_factory: pytest.TempPathFactory) -> None:
    told = race(tmp_path_factory, "", VICTIM, ATTACKER)
    (changed, victims), (attackers, priorities, limits, signals) = told
    assert changed == 0
    assert min(victims, attackers) > 20, "both must have had the number, or it proves nothing"
    assert min(priorities, limits, signals) > 20, "what is allowed must have been done"


STEERED = f"./cat & while test ! -e result; do echo {{}} >{NEXT}; done & sleep 0.3; ./dog; wait"


@pytest.mark.skipif(not can_translate(), reason="this kernel, before Linux 6.11, does not translate numbers")
def test_a_number_of_a_namespace_that_comes_to_mean_another_process_is_noticed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    box, number = make_box(tmp_path_factory, POLICY, None), NUMBER
    compiled(box, "dog", VICTIM, number)
    compiled(box, "cat", ATTACKER, number)
    outcome = box.run("unshare", "-pf", "/bin/sh", "-c", STEERED.format(number - 1), options=labels(box), timeout=240)
    changed, victims = map(int, (box.directory / "result").read_text().split())
    attackers, *done = map(int, outcome.output.split())
    assert changed == 0
    assert min(victims, attackers) > 20, "both must have had the number, or it proves nothing"
    assert min(done) > 20, "what is allowed must have been done"


def test_a_number_that_is_used_again_opens_nobody(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Who may trace its own children looks into no others, whichever way."""
    rules = "(allow cat_t self (process (ptrace)))"
    (victims, *_), (attackers, *told, tries) = race(tmp_path_factory, rules, ANIMAL, ANIMAL)
    assert told[1::2] == [0, 0, 0]
    assert min(victims, attackers) > 20, "both must have had the number, or it proves nothing"
    assert min(told[::2]) > 20, "what is allowed must have been done"
    assert tries > 3000


@pytest.mark.skipif(
    tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) < (6, 14),
    reason="before Linux 6.14, how many numbers there are is no namespace's own",
)
def test_memory_is_that_of_the_task_where_few_numbers_are_left(tmp_path_factory: pytest.TempPathFactory) -> None:
    box = make_box(tmp_path_factory, f"{POLICY}(call run_files (cat_t yard_t))", None)
    compiled(box, "program", KEEPER, NUMBER, tries(200))
    for name in ("cat", "dog"):
        box.file(name, name)
    few = ("unshare", "-pf", "--mount-proc", "/bin/sh", "-c", 'echo 330 >/proc/sys/kernel/pid_max; exec "$@"', "sh")
    outcome = box.run("./program", options=("--domain", "cat_t", labels(box)[0]), around=few)
    met, mistaken = map(int, outcome.output.split())
    assert mistaken == 0
    assert met > 20, "both must have had the number, or it proves nothing"
