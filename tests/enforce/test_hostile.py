"""Programs that mean harm: nonsense in every mediated call, and the routes around the supervisor."""

import errno
import shutil
import subprocess
from pathlib import Path

import pytest

from selbox.enforce.seccomp.filter import PARTS
from selbox.enforce.seccomp.syscalls import NUMBERS
from tests.enforce.boxes import Box
from tests.enforce.clients import PYTHON, needs_python

pytestmark = [
    pytest.mark.enforcement,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="the attackers are C programs, and there is no gcc"),
]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type yard_t) (call file_type (yard_t))
(call manage_files (cat_t yard_t))
(call run_files (cat_t yard_t))
(call own_ipc (cat_t))
"""

_NOTIFIED = [name for part in PARTS for name in part.notified]
# Signals to oneself and exec would end the attacker; identity changes would only make later calls fail earlier.
_LEFT_OUT = {
    "kill",
    "tkill",
    "tgkill",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "pidfd_send_signal",
    "fork",
    "vfork",
} | {name for name in _NOTIFIED if name.startswith("set") and name.endswith(("id", "groups"))}
_CALLS = sorted(
    NUMBERS[name] for name in _NOTIFIED if name not in _LEFT_OUT and not name.startswith(("exec", "chroot"))
)

NONSENSE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
static const int calls[] = {CALLS};
static void wake(int number) {}
int main(void) {
    char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *edge = page + 4096 - 5;
    char *long_path = malloc(9000);
    struct { struct sockaddr_un place; char room[8192]; } address = {{AF_UNIX, "box"}}; /* calls write beyond it */
    munmap(page + 4096, 4096);
    memcpy(edge, "xxxxx", 5);
    memset(long_path, 'a', 8999);
    long_path[8999] = 0;
    signal(SIGPIPE, SIG_IGN);
    struct sigaction waking = {.sa_handler = wake};
    struct itimerval often = {{0, 100000}, {0, 100000}};
    sigaction(SIGALRM, &waking, 0);
    setitimer(ITIMER_REAL, &often, 0);
    int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    long values[] = {0, 1, 2, 3, 5, -1, -100, 7, 64, 4095, 4096, 65536, 0x7fffffff, 0x80000000, 0xffffffff, 1L << 40,
        -4096, sock, O_RDWR | O_CREAT | O_NONBLOCK, O_DIRECTORY, O_PATH, 0x1000, 0x410000, 110, 3,
        (long)page, (long)edge, (long)long_path, (long)".", (long)"..", (long)"/", (long)"", (long)"yard/../x",
        (long)"/proc/self/fd/0", (long)"/proc/self/attr/current", (long)"/sys/fs/selinux/context", (long)"a/",
        (long)"/proc/self/root/../cwd/x", (long)"security.selinux", (long)"user.x", (long)&address, (long)values};
    int count = sizeof values / sizeof *values;
    srandom(SEED);
    for (int i = 0; i < ROUNDS; i++) {
        int call = calls[random() % (sizeof calls / sizeof *calls)];
        long a[6];
        for (int j = 0; j < 6; j++) a[j] = values[random() % count];
        syscall(call, a[0], a[1], a[2], a[3], a[4], a[5]);
    }
    puts("done");
    return 0;
}
"""

FAR_AROUND = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
int main(void) {
    static const int calls[] = {CALLS};
    for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++) {
        errno = 0;
        long result = syscall(calls[i], 0, 0, 0, 0, 0, 0);
        printf("%d %ld %d\n", calls[i], result, errno);
    }
    return 0;
}
"""

FOREIGN = r"""
#include <stdio.h>
#include <unistd.h>
#include <sys/syscall.h>
int main(void) {
    long old;
    /* getpid of the 32-bit ABI, then of x32 */
    __asm__ volatile("int $0x80" : "=a"(old) : "a"(20) : "memory");
    printf("%ld %ld\n", old, syscall(0x40000000 | SYS_getpid));
    return 0;
}
"""


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path, POLICY)


def run(box: Box, source: str, *definitions: str, timeout: float = 120) -> str:
    program = box.directory / "program"
    command = ["gcc", "-O1", "-w", *definitions, "-x", "c", "-", "-o", str(program)]
    subprocess.run(command, input=source, text=True, check=True, capture_output=True)
    label = f"--label={box.directory}=system_u:object_r:yard_t:s0"
    outcome = box.run(str(program), options=("--domain", "cat_t", label), timeout=timeout)
    assert outcome.errors == ""
    assert outcome.status == 0
    return outcome.output


@pytest.mark.parametrize("seed", range(4))
def test_nonsense_never_stops_the_supervisor(box: Box, seed: int) -> None:
    calls = ",".join(map(str, _CALLS))
    assert run(box, NONSENSE, f"-DCALLS={calls}", f"-DSEED={seed}", "-DROUNDS=5000") == "done\n"


def test_the_routes_around_are_closed_in_the_filter(box: Box) -> None:
    expected = {NUMBERS[name]: number for part in PARTS for number, names in part.refused.items() for name in names}
    output = run(box, FAR_AROUND, f"-DCALLS={','.join(map(str, expected))}")
    for line in output.splitlines():
        call, result, number = map(int, line.split())
        assert (result, number) == (-1, expected[call])


def test_calls_of_other_abis_fail(box: Box) -> None:
    old, x32 = map(int, run(box, FOREIGN).split())
    assert (old, x32) == (-38, -1)


CORE_SHARER = r"""
#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(void) {
    for (int command = 0; command < 4; command++) {
        int result = prctl(62, command, getppid(), 0, 0);
        printf("%d %d\n", result, errno);
    }
    return 0;
}
"""


def test_nobody_chooses_with_whom_another_process_shares_a_processor(box: Box) -> None:
    assert run(box, CORE_SHARER) == f"-1 {errno.EINVAL}\n" * 4


OUT_OF_REACH = """
import os, resource, signal, sys
supervisor = os.getppid()
with open(f"/proc/{supervisor}/task/{supervisor}/children") as children:
    watchdog = int(next(each for each in children.read().split() if int(each) != os.getpid()))
def tell(change, *arguments):
    try:
        change(*arguments)
        print(change.__name__, "done")
    except OSError as error:
        print(change.__name__, error.strerror)
def write(path, words):
    with open(path, "w") as file:
        file.write(words)
for pid in (supervisor, watchdog):
    os.kill(pid, 0)
    tell(os.kill, pid, signal.SIGKILL)
    tell(signal.pidfd_send_signal, os.pidfd_open(pid), signal.SIGSTOP)
    tell(resource.prlimit, pid, resource.RLIMIT_NOFILE, (5, 5))
    tell(os.setpriority, os.PRIO_PROCESS, pid, 19)
    tell(os.sched_setaffinity, pid, {0})
    for each in (f"{pid}", f"{pid}/task/{pid}"):
        tell(write, f"/proc/{each}/oom_score_adj", "1000")
        tell(write, f"/proc/{each}/comm", "x")
    tell(write, f"/proc/{pid}/timerslack_ns", "1000000000")
    tell(write, f"/proc/{pid}/clear_refs", "1")
print(resource.prlimit(supervisor, resource.RLIMIT_NOFILE)[0] > 5)
"""


@needs_python
def test_the_supervisor_and_its_watchdog_are_out_of_reach_whatever_policy_says(box: Box) -> None:
    """Where a box starts, policy lets it do everything to what is outside."""
    assert PYTHON is not None
    outcome = box.run(PYTHON, "-Ic", OUT_OF_REACH)
    assert outcome.errors == ""
    assert {each.partition(" ")[2] for each in outcome.output.splitlines()[:-1]} == {"Operation not permitted"}
    assert outcome.output.splitlines()[-1] == "True"
