"""Programs of a box that trace others: debuggers, system call tracers, and tracers that race the proof of an exec."""

import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.enforce.boxes import Outcome
from tests.enforce.clients import USERS, make_box, needs
from tests.enforce.test_races import RACE
from tests.strength import tries

pytestmark = pytest.mark.enforcement
needs_compiler = pytest.mark.skipif(
    shutil.which("gcc") is None, reason="the tracers are C programs, and there is no gcc"
)

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type dog_t) (call domain_type (dog_t))
(type dog_exec_t) (call file_type (dog_exec_t))
(type rat_exec_t) (call file_type (rat_exec_t))
(type yard_t) (call file_type (yard_t))
(call read_files (cat_t yard_t))
(call run_files (cat_t yard_t))
(call read_files (dog_t yard_t))
(call domain_transition (cat_t dog_exec_t dog_t))
(allow cat_t self (process (ptrace)))
"""
TRACES_DOGS = "(allow cat_t dog_t (process (ptrace)))"
ROUNDS = tries(300)

ANIMAL = r"""
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>
int main(void) {
    char label[128] = {0};
    if (NAME[0] == 'r') write(1, "rat\n", 4);
    int file = open("/proc/self/attr/current", O_RDONLY);
    read(file, label, sizeof label - 1);
    int is_dog = strstr(label, "dog_t") != 0;
    dprintf(1, NAME " %s %lu\n", is_dog ? "dog_t" : "cat_t", getauxval(AT_SECURE));
    return is_dog ? 55 : 0;
}
"""

TRACER = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include "race.h"
#define ROUNDS rounds
static int dogs;
static union { char text[8]; volatile unsigned long word; } path = {"./dog"};
static void *flip(void *unused) {
    union { char text[8]; unsigned long word; } dog = {"./dog"}, rat = {"./rat"};
    for (;;) {
        path.word = dog.word;
        path.word = rat.word;
    }
    return unused;
}
static void run(int flips) {
    pthread_t thread;
    char *words[] = {"animal", 0};
    if (flips) {
        pthread_create(&thread, 0, flip, 0);
        usleep(50);
    }
    execv(path.text, words);
    dprintf(1, "not run: %d\n", errno);
    _exit(0);
}
static void note(int status) { dogs += WIFEXITED(status) && WEXITSTATUS(status) == 55; }
static void follow(pid_t child) {
    int status;
    while (waitpid(child, &status, __WALL) == child && WIFSTOPPED(status)) {
        int number = WSTOPSIG(status);
        ptrace(PTRACE_CONT, child, 0, status >> 16 || number == SIGTRAP ? 0 : number);
    }
    note(status);
}
int main(int count, char **words) {
    char *mode = words[1];
    int rounds = atoi(words[2]);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int races = !strcmp(mode, "flips") || !strcmp(mode, "eager") || !strcmp(mode, "dies");
    for (int i = 0; GOES_ON(i, !races || dogs > 10); i++) {
        if (!strcmp(mode, "dies")) { /* the tracer ends, at some moment of its child's exec */
            if (!fork()) {
                if (!fork()) {
                    ptrace(PTRACE_TRACEME, 0, 0, 0);
                    run(1);
                }
                usleep(i * 7 % 1500);
                _exit(0);
            }
            pid_t child;
            int status;
            while ((child = wait(&status)) > 0) {
                if (WIFSTOPPED(status)) ptrace(PTRACE_CONT, child, 0, 0); /* its parent, and so its tracer, by now */
                note(status);
            }
        } else if (!strcmp(mode, "kills")) { /* a child that has stopped for it, unproven */
            pid_t child = fork();
            if (!child) {
                ptrace(PTRACE_TRACEME, 0, 0, 0);
                run(0);
            }
            waitpid(child, 0, __WALL);
            kill(child, SIGKILL);
            waitpid(child, 0, __WALL);
        } else if (!strcmp(mode, "seizes")) { /* and does not ask to be told of programs */
            int ends[2];
            char byte;
            pipe(ends);
            pid_t child = fork();
            if (!child) {
                read(ends[0], &byte, 1);
                run(0);
            }
            ptrace(PTRACE_SEIZE, child, 0, 0);
            write(ends[1], "", 1);
            follow(child);
        } else {
            pid_t child = fork();
            if (!child) {
                ptrace(PTRACE_TRACEME, 0, 0, 0);
                run(!strcmp(mode, "flips"));
            }
            if (!strcmp(mode, "eager")) { /* it lets its child go on without having waited for it */
                for (int tries = 0; tries < 100; tries++) ptrace(PTRACE_CONT, child, 0, 0);
            }
            follow(child);
        }
    }
    return 0;
}
"""


def compiled(path: Path, source: str, *options: str) -> Path:
    command = ["gcc", "-O1", "-w", "-static", "-pthread", *RACE, *options, "-x", "c", "-", "-o", str(path)]
    subprocess.run(command, input=source, text=True, check=True, capture_output=True)
    return path


def trace(factory: pytest.TempPathFactory, rules: str, mode: str, rounds: int, user: int | None = None) -> Outcome:
    """Run a tracer in `cat_t`, whose children run a dog, and a rat that nobody may run."""
    box = make_box(factory, POLICY + rules, user)
    names = {box.directory: "yard_t", compiled(box.directory / "tracer", TRACER): "yard_t"}
    for animal in ("dog", "rat"):
        names[compiled(box.directory / animal, ANIMAL, f'-DNAME="{animal}"')] = f"{animal}_exec_t"
    labels = tuple(f"--label={path}=system_u:object_r:{name}:s0" for path, name in names.items())
    return box.run("./tracer", mode, str(rounds), options=("--domain", "cat_t", *labels))


@needs_compiler
@pytest.mark.parametrize("user", USERS)
def test_a_traced_program_starts_in_its_domain(tmp_path_factory: pytest.TempPathFactory, user: int | None) -> None:
    outcome = trace(tmp_path_factory, TRACES_DOGS, "waits", 2, user)
    assert (outcome.output, outcome.errors) == ("dog dog_t 1\n" * 2, "")


@needs_compiler
@pytest.mark.parametrize("user", USERS)
def test_not_in_one_that_its_tracer_may_not_trace(tmp_path_factory: pytest.TempPathFactory, user: int | None) -> None:
    outcome = trace(tmp_path_factory, "", "waits", 1, user)
    assert outcome.output == "not run: 1\n"
    (denied,) = outcome.denied("process", "ptrace")
    assert (":cat_t:" in denied.scontext, ":dog_t:" in denied.tcontext) == (True, True)


@needs_compiler
def test_a_tracer_that_is_told_of_no_program_is_in_the_way(tmp_path_factory: pytest.TempPathFactory) -> None:
    outcome = trace(tmp_path_factory, TRACES_DOGS, "seizes", 1)
    assert outcome.output == "not run: 1\n"
    assert "PTRACE_O_TRACEEXEC" in outcome.errors


@needs_compiler
@pytest.mark.parametrize("mode", ["flips", "eager"])
def test_a_thread_changes_the_path_of_a_traced_program(tmp_path_factory: pytest.TempPathFactory, mode: str) -> None:
    outcome = trace(tmp_path_factory, TRACES_DOGS, mode, ROUNDS)
    told = Counter(outcome.output.splitlines())
    assert told["dog dog_t 1"] > 10
    assert set(told) <= {"dog dog_t 1", "not run: 13"}


@needs_compiler
def test_a_tracer_ends_while_its_child_starts_a_program(tmp_path_factory: pytest.TempPathFactory) -> None:
    told = Counter(trace(tmp_path_factory, TRACES_DOGS, "dies", ROUNDS).output.splitlines())
    assert told["dog dog_t 1"] > 10
    assert set(told) <= {"dog dog_t 1", "not run: 13", "rat"}


@needs_compiler
def test_children_that_are_killed_before_their_proof_are_forgotten(tmp_path_factory: pytest.TempPathFactory) -> None:
    outcome = trace(tmp_path_factory, f"{TRACES_DOGS} (allow cat_t dog_t (process (sigkill)))", "kills", ROUNDS)
    assert (outcome.status, outcome.output, outcome.errors) == (0, "", "")


@needs("strace")
@pytest.mark.parametrize("user", USERS)
def test_strace(tmp_path_factory: pytest.TempPathFactory, user: int | None) -> None:
    box = make_box(tmp_path_factory, POLICY, user)
    box.directory.chmod(0o777)
    script = "cd /; (true; id -u); ls -d /etc"
    outcome = box.run("strace", "-f", "-e", "trace=chdir,execve", "sh", "-c", script, options=("--domain", "cat_t"))
    assert outcome.output == f"{os.geteuid() if user is None else user}\n/etc\n"
    told = [line for line in outcome.errors.splitlines() if "selbox" not in line]
    assert any('chdir("/")' in line for line in told)
    assert any("execve(" in line and '"-u"' in line and line.endswith("= 0") for line in told)


@needs("gdb")
@pytest.mark.parametrize("user", USERS)
def test_gdb(tmp_path_factory: pytest.TempPathFactory, user: int | None) -> None:
    box = make_box(tmp_path_factory, POLICY, user)
    commands = ("-ex", "catch syscall exit_group", "-ex", "run", "-ex", "print $rdi", "-ex", "kill")
    words = ("-nx", "-q", "-batch", *commands, "--args", "/bin/sh", "-c", "echo ran; exit 7")
    outcome = box.run("gdb", *words, options=("--domain", "cat_t"))
    assert "ran" in outcome.output
    assert "$1 = 7" in outcome.output
    assert not outcome.denied("process", "ptrace")
