"""Malformed arguments of every mediated call fail in a box as they do without one."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from selbox.enforce.seccomp.filter import PARTS
from selbox.enforce.seccomp.part import FilterSettings, TransactionRange
from selbox.enforce.seccomp.syscalls import NUMBERS
from tests.enforce.badarguments import CALLS, Value, cases
from tests.enforce.boxes import environment
from tests.enforce.clients import make_box, needs

pytestmark = [
    pytest.mark.enforcement,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="what makes the calls is a C program, and there is no gcc"),
    pytest.mark.skipif(
        os.geteuid() != 0, reason="only root makes a namespace for System V objects, and becomes nobody"
    ),
    needs("setpriv", "unshare"),
]

PAIRS = 30
"""Cases with two bad arguments for each call, besides all that have one."""

WITHOUT_ARGUMENTS = {"fork", "vfork", "clone", "vhangup", "personality"}
"""Calls that take no argument which could be malformed; ``personality`` takes every number."""

PROGRAM = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
static char *page, *edge, *fixed;
static void wake(int number) {}
static void at(int number, int descriptor) {
    if (descriptor < 0) { perror("setup"); exit(1); }
    fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
    dup2(descriptor, number);
    close(descriptor);
}
static long value(char *word) {
    char *text;
    switch (word[0]) {
    case 'b': return (long)page;
    case 'e': return (long)edge;
    case 'r': return (long)fixed;
    case 's': return (long)strdup(word + 2);
    case 'l':
        text = calloc(1, atoi(word + 2) + 1);
        return (long)memset(text, 'a', atoi(word + 2));
    }
    return strtoll(word, 0, 10);
}
static void setup(void) {
    int pair[2];
    struct sigaction waking = {.sa_handler = wake};
    char *room = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    page = room + 65536;
    edge = room + 262144 - 3;
    fixed = room + 524288;
    memcpy(edge, "xxx", 3);
    munmap(room + 262144, 65536);
    mprotect(fixed, 65536, PROT_READ);
    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGALRM, &waking, 0);
    close(open("file", O_CREAT | O_RDWR, 0644));
    mkdir("dir", 0755);
    symlink("loop", "loop");
    at(20, open("file", O_RDWR));
    at(21, open(".", O_RDONLY | O_DIRECTORY));
    at(22, open("file", O_PATH));
    pipe(pair);
    at(23, pair[0]);
    at(24, pair[1]);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    at(25, pair[0]);
    at(26, pair[1]);
    at(27, socket(AF_INET, SOCK_STREAM, 0));
    at(31, epoll_create1(0));
}
int main(int count, char **words) {
    char *text = calloc(1, 1 << 22), *line, *next, out[64];
    int file = open(words[1], O_RDONLY), cases, status;
    struct itimerval often = {{2, 0}, {2, 0}}; /* what waits is woken, however late it begins to */
    long number;
    read(file, text, (1 << 22) - 1);
    close(file);
    setup();
    umask(0);
    for (next = text; *next;) {
        number = strtol(next, &next, 10);
        cases = strtol(next, &next, 10);
        next++;
        pid_t child = fork();
        if (!child) syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, 0);
        for (int i = 0; i < cases; i++) {
            line = next;
            next = strchr(line, '\n');
            *next++ = 0;
            if (child) continue;
            long a[6] = {0};
            int n = 0;
            for (char *word = strtok(line, "\t"); word && n < 6; word = strtok(0, "\t")) a[n++] = value(word);
            setitimer(ITIMER_REAL, &often, 0);
            errno = 0;
            long result = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
            int length = sprintf(out, "%ld %d %d\n", number, i, result == -1 ? errno : 0);
            syscall(SYS_write, 1, out, length);
        }
        if (!child) _exit(0);
        waitpid(child, &status, 0);
        if (status) printf("%ld ended with %d\n", number, status);
        fflush(stdout);
    }
    return 0;
}
"""


def mediated() -> set[str]:
    """Return the calls that the filter may ask about."""
    settings = FilterSettings(TransactionRange(900, 1000))
    return {call for part in PARTS for call in part.handled(settings)}


def table(calls: dict[str, list[tuple[Value, ...]]]) -> str:
    lines = []
    for call, given in calls.items():
        lines.append(f"{NUMBERS[call]} {len(given)}")
        lines += ["\t".join(map(str, each)) for each in given]
    return "\n".join(lines) + "\n"


def outcomes(output: str) -> dict[tuple[int, int], int]:
    """Return the error of each case, by number of its call and its place; of a call that ended the program at -1."""
    found = {}
    for line in output.splitlines():
        number, _, rest = line.partition(" ")
        place, _, error = rest.partition(" ")
        found[int(number), int(place) if error.isdigit() else -1] = int(error) if error.isdigit() else -1
    return found


def test_every_mediated_call_has_malformed_arguments() -> None:
    assert mediated() - WITHOUT_ARGUMENTS == set(CALLS)


EXPECTED = {
    "listxattr": "in a box every file has a label, whose name is longer than the list of a host without SELinux",
    "llistxattr": "as listxattr",
    "flistxattr": "as listxattr",
    "init_module": "a kernel without modules has no such call",
    "finit_module": "as init_module",
    "bpf": "commands that are refused fail before their attributes are looked at",
    "request_key": "nobody is called to make a key that is not there",
    "fanotify_init": "groups that tell of mounts are refused",
    "flock": "LOCK_MAND, whose descriptor newer kernels do not look at",
    "mount": "a flag that newer kernels know",
    "name_to_handle_at": "as mount: handles that lead to a directory, too",
}
"""Calls of which some cases end otherwise in a box, and why."""


def made(directory: Path, command: list[str]) -> dict[tuple[int, int], int]:
    result = subprocess.run(
        ["unshare", "--ipc", *command], cwd=directory, capture_output=True, text=True, env=environment(), check=False
    )
    assert result.stderr == ""
    return outcomes(result.stdout)


@pytest.mark.parametrize("way", ["of nobody", "of root, for nobody"])
def test_malformed_arguments_fail_as_without_a_box(tmp_path_factory: pytest.TempPathFactory, way: str) -> None:
    given = {call: cases(call, PAIRS) for call in CALLS}
    boxes = [make_box(tmp_path_factory, "", 65534 if way == "of nobody" else None) for _ in range(2)]
    for box in boxes:
        command = ["gcc", "-O1", "-w", "-static", "-x", "c", "-", "-o", str(box.directory / "program")]
        subprocess.run(command, input=PROGRAM, text=True, check=True, capture_output=True)
        box.file("table", table(given))
    lowered = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    program = [*([] if boxes[1].user else lowered), "./program", "table"]
    plain = made(boxes[0].directory, [*lowered, "./program", "table"])
    boxed = made(boxes[1].directory, [*boxes[1].arguments("--permissive"), *program])
    numbers = {NUMBERS[call]: call for call in CALLS}
    other = {
        f"{numbers[number]}{given[numbers[number]][place]}: {plain.get((number, place))} {boxed.get((number, place))}"
        for number, place in plain.keys() | boxed.keys()
        if plain.get((number, place)) != boxed.get((number, place)) and numbers[number] not in EXPECTED
    }
    assert len(plain) > 9000
    assert other == set()
