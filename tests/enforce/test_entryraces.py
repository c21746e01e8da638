"""Programs that race the supervisor on the way into another domain: none gets there with words or memory of its own."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from selbox.enforce.pidnumbers import can_translate
from selbox.enforce.scripts import interpreter_line, named_at
from tests.enforce.boxes import Box, Outcome
from tests.enforce.clients import needs
from tests.enforce.test_races import compiled, label
from tests.strength import tries

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type dog_t) (call domain_type (dog_t))
(type good_exec_t) (call file_type (good_exec_t))
(type bad_exec_t) (call file_type (bad_exec_t))
(type yard_t) (call file_type (yard_t))
(call manage_files (cat_t yard_t))
(call run_files (cat_t yard_t))
(call read_files (dog_t yard_t))
(call domain_transition (cat_t good_exec_t dog_t))
(call inherit_from (dog_t cat_t))
(call signal_to (cat_t dog_t))
"""

SCRIPT_ATTACKER = r"""
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "race.h"
static volatile char path[16] = "./good";
static void *flip(void *unused) {
    for (;;) {
        memcpy((char *)path, "./good", 7);
        __asm__ volatile("" ::: "memory");
        memcpy((char *)path, OTHER, sizeof OTHER);
        __asm__ volatile("" ::: "memory");
    }
    return unused;
}
int main(void) {
    int evil = 0, good = 0;
    pid_t flipper = 0;
    if (!strcmp(OTHER, "./good") && !(flipper = fork()))
        for (;;) { unlink("good"); symlink("script", "good"); unlink("good"); symlink("/bin/sh", "good"); }
    for (int i = 0; GOES_ON(i, good); i++) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            pthread_t thread;
            char *arguments[] = {"sh", "-c", "read x < /proc/self/attr/current; case $x in *dog_t*) exit 66; esac", 0};
            if (!flipper) pthread_create(&thread, 0, flip, 0), usleep(100);
            execv((char *)path, arguments);
            _exit(9);
        }
        waitpid(child, &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 66) evil++;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 55) good++;
    }
    if (flipper) kill(flipper, SIGKILL);
    printf("%d good, %d evil\n", good, evil);
    return 0;
}
"""

MEMORY_ATTACKER = r"""
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "race.h"
enum { MANY = 16 };
int main(void) {
    int leaked = 0, opened = 0, refused = 0;
    for (int i = 0; GOES_ON(i, opened && refused); i++) {
        int files[MANY], won = 0;
        char path[32], content[8];
        pid_t child = fork();
        if (child == 0) {
            execl("./script", "script", 0);
            _exit(9);
        }
        sprintf(path, "/proc/%d/mem", child);
        for (int j = 0; j < MANY; j++) {
            files[j] = open(path, O_RDWR);
            if (files[j] >= 0) opened++; else refused += errno == EACCES;
        }
        usleep(2000);
        for (int j = 0; j < MANY; j++)
            if (files[j] >= 0) {
                if (pread(files[j], content, 8, SECRET) == 8 && !memcmp(content, "selbox..", 8)) won = 1;
                close(files[j]);
            }
        leaked += won;
        kill(child, SIGKILL);
        waitpid(child, 0, 0);
    }
    printf("%d opened, %d leaked\n", opened, leaked);
    return 0;
}
"""

HOLDER = """
#include <unistd.h>
char secret[16] = "selbox..";
int main(void) { pause(); return secret[0]; }
"""

SHARER = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static char room[65536];
static volatile int is_over, answer;
static void *wait_for_it(void *unused) {
    while (!is_over) usleep(1000);
    return unused;
}
static int thread(void *unused) { return wait_for_it(unused) != 0; }
static int leader(void *unused) { /* ends, and leaves a thread behind */
    static char more[65536];
    clone(thread, more + sizeof more, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND, 0);
    syscall(SYS_exit, 0);
    return 0;
}
static int enter(void) {
    static const char context[] = "system_u:system_r:dog_t:s0";
    int file = open("/proc/thread-self/attr/current", O_WRONLY);
    int result = write(file, context, sizeof context) < 0 ? errno : 0;
    close(file);
    return result;
}
static void share(const char *title, int (*run)(void *), int flags) {
    is_over = 0;
    pid_t child = clone(run, room + sizeof room, CLONE_VM | flags | SIGCHLD, 0);
    usleep(20000);
    printf("%s %d\n", title, enter());
    is_over = 1;
    waitpid(child, 0, 0);
}
int main(void) {
    setvbuf(stdout, 0, _IONBF, 0);
    share("process", (int (*)(void *))wait_for_it, 0);
    share("leaderless", leader, 0);
    pid_t child = vfork();
    if (!child) {
        answer = enter();
        _exit(0);
    }
    printf("vfork %d\n", answer);
    waitpid(child, 0, 0);
    child = fork();
    if (!child) _exit(enter());
    waitpid(child, (int *)&answer, 0);
    printf("fork %d\n", WEXITSTATUS(answer));
    printf("alone %d\n", enter());
    return 0;
}
"""

CHANGER = r"""
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "race.h"
static volatile int starts;
static char room[65536];
static void stay_at_the_last_processor(void) {
    cpu_set_t set;
    int last = CPU_SETSIZE - 1;
    sched_getaffinity(0, sizeof set, &set);
    while (!CPU_ISSET(last, &set)) last--;
    CPU_ZERO(&set);
    CPU_SET(last, &set);
    sched_setaffinity(0, sizeof set, &set);
}
static int lead_away(void *unused) {
    usleep(8000);
    chdir("/");
    usleep(8000);
    _exit(0);
}
static void *change(void *unused) {
    while (!starts) {}
    if (SHARES) {
        clone(lead_away, room + sizeof room, CLONE_FS | SIGCHLD, 0);
    } else {
        struct sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
        struct sock_fprog filter = {1, allow};
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
    }
    for (;;) pause();
    return unused;
}
int main(int count, char **words) {
    int good = 0, evil = 0, refused = 0, busy = fork();
    if (!busy) {
        stay_at_the_last_processor();
        for (;;) {}
    }
    for (int i = 0; GOES_ON(i, good && refused); i++) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            char *arguments[] = {"script", 0};
            pthread_t thread;
            pthread_create(&thread, 0, change, 0);
            stay_at_the_last_processor(); /* where it waits for its turn, while the thread goes on */
            nice(19);
            srand(i);
            usleep(200);
            starts = 1;
            for (volatile int j = rand() % 200000; j; j--) {}
            execv("./script", arguments);
            _exit(9);
        }
        waitpid(child, &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 66) evil++;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 55) good++;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 9) refused++;
    }
    kill(busy, SIGKILL);
    printf("%d good, %d evil\n", good, evil);
    return 0;
}
"""

CHANGED = r"""
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(void) {
    char line[4096];
    usleep(12000);
    if (getcwd(line, sizeof line) && !strcmp(line, "/")) return 66;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (!strncmp(line, "NoNewPrivs:\t1", 13)) return 66;
    return 55;
}
"""

PROC_MOUNTING = """
(allow cat_t root_t (dir (mounton))) (allow cat_t proc_t (dir (mounton)))
(allow cat_t proc_t (filesystem (mount getattr))) (allow cat_t self (capability (sys_admin)))
"""
NAMESPACES = (
    pytest.mark.skipif(os.geteuid() != 0, reason="only root's boxes have mounts of their own"),
    pytest.mark.skipif(not can_translate(), reason="this kernel, before Linux 6.11, does not translate numbers"),
    needs("unshare"),
)

needs_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="the attackers are C programs, and no gcc")


def attack(box: Box, attacker: Path, *around: str) -> tuple[Outcome, int, int]:
    """Run an attacker; return what came of it, and how often what is allowed and what is denied was done.

    Args:
        box: the box.
        attacker: the program.
        around: what runs it.
    """
    labels = (label(box.directory, "yard_t"), label(box.directory / "script", "good_exec_t"))
    outcome = box.run(*around, str(attacker), options=("--domain", "cat_t", *labels), timeout=300)
    allowed, denied = map(int, re.findall(r"\d+", outcome.output))
    return outcome, allowed, denied


@pytest.mark.enforcement
@needs_compiler
@pytest.mark.parametrize(
    "other",
    [
        pytest.param("/bin/sh", id="a thread changes the path of a script to that of its interpreter"),
        pytest.param("./good", id="a process changes a link to a script into one to its interpreter"),
    ],
)
def test_nobody_runs_the_interpreter_of_a_script_in_its_domain(tmp_path: Path, other: str) -> None:
    box = Box(tmp_path, POLICY)
    box.file("script", "#!/bin/sh\nexit 55\n", 0o755)
    (tmp_path / "good").symlink_to("script")
    attacker = compiled(box, "attacker", f'#define OTHER "{other}"\n{SCRIPT_ATTACKER}', 120)
    _, allowed, denied = attack(box, attacker)
    assert denied == 0
    assert allowed > 0, "the race must leave the allowed way open, or it proves nothing"


@pytest.mark.enforcement
@needs_compiler
@pytest.mark.skipif(os.geteuid() != 0, reason="other supervisors have promised to gain nothing, with all their tasks")
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor")
@pytest.mark.parametrize(
    ("shares", "denied"),
    [
        pytest.param(1, ("process", "share"), id="a thread shares the directories with another process"),
        pytest.param(0, ("process2", "nnp_transition"), id="a thread promises that nothing is gained"),
    ],
)
def test_what_a_thread_changes_during_an_exec_is_asked_about(
    tmp_path: Path, shares: int, denied: tuple[str, str]
) -> None:
    box = Box(tmp_path, f"{POLICY}(allow cat_t self (process (setsched)))")
    compiled(box, "script", CHANGED)
    attacker = compiled(box, "attacker", f"#define SHARES {shares}\n{CHANGER}", tries(400))
    outcome, allowed, won = attack(box, attacker)
    assert won == 0
    assert allowed > 0, "the race must leave the allowed way open, or it proves nothing"
    assert outcome.denied(*denied), "it never came in time"


@pytest.mark.enforcement
@needs_compiler
@pytest.mark.skipif(shutil.which("nm") is None, reason="no nm, which tells where the secret lies")
@pytest.mark.parametrize(
    "around",
    [
        pytest.param((), id="seen in the proc of the machine"),
        pytest.param(("unshare", "-pf", "--mount-proc"), id="seen in the proc of a namespace", marks=NAMESPACES),
    ],
)
def test_memory_that_a_program_starts_with_is_that_of_its_domain(tmp_path: Path, around: tuple[str, ...]) -> None:
    rules = f"(call see_processes (cat_t cat_t)) (allow cat_t self (process (ptrace))) {PROC_MOUNTING}"
    box = Box(tmp_path, POLICY + rules)
    box.policy.write_text(box.policy.read_text() + "(allow cat_t self (file (write)))")
    command = ["gcc", "-static", "-no-pie", "-x", "c", "-", "-o", str(tmp_path / "script")]
    subprocess.run(command, input=HOLDER, text=True, check=True, capture_output=True)
    symbols = subprocess.run(["nm", str(tmp_path / "script")], capture_output=True, text=True, check=True).stdout
    place = next(line.split()[0] for line in symbols.splitlines() if line.endswith(" secret"))
    attacker = compiled(box, "attacker", f"#define SECRET 0x{place}\n{MEMORY_ATTACKER}", 40)
    outcome, opened, leaked = attack(box, attacker, *around)
    assert leaked == 0
    assert opened > 0
    assert outcome.denied("process", "ptrace") or outcome.denied("file", "open"), "it never came in time"


@pytest.mark.enforcement
@needs_compiler
def test_who_shares_memory_with_a_process_keeps_it_from_entering_a_domain(tmp_path: Path) -> None:
    """Who could write into it would be in that domain with it; the kernel refuses it alike."""
    rules = "(allow cat_t self (process (setcurrent))) (allow cat_t dog_t (process (dyntransition)))"
    box = Box(tmp_path, f"{POLICY}{rules}(allow dog_t cat_t (process (sigchld)))")
    program = compiled(box, "program", SHARER)
    outcome = box.run(str(program), options=("--domain", "cat_t", label(tmp_path, "yard_t")))
    refused = ["process 1", "leaderless 1", "vfork 1"]
    assert outcome.output.splitlines() == [*refused, "fork 0", "alone 0"]


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"#!/bin/sh\nexit", (b"/bin/sh",)),
        (b"#! \t/bin/sh  -e -x \t\n", (b"/bin/sh", b"-e -x")),
        (b"#!/bin/sh", (b"/bin/sh",)),
        (b"#!/bin/sh\r\n", (b"/bin/sh\r",)),
        (b"#!/bin/sh -c " + b"x" * 300, (b"/bin/sh", b"-c " + b"x" * 242)),
        (b"#!" + b"x" * 254, None),
        (b"#! \n/bin/sh", None),
        (b"\x7fELF", None),
    ],
)
def test_the_line_of_a_script(head: bytes, words: tuple[bytes, ...] | None) -> None:
    """Source: ``load_script``, by hand; of the first 256 bytes the last one is never part of a word."""
    if words is None:
        with pytest.raises(OSError, match="Exec format"):
            interpreter_line(head[:256])
    else:
        assert interpreter_line(head[:256]) == words


def test_the_name_of_a_script_that_a_descriptor_leads_to() -> None:
    assert [named_at(-100, b"a"), named_at(5, b"/a"), named_at(5, b"a"), named_at(5, b"")] == [
        b"a",
        b"/a",
        b"/dev/fd/5/a",
        b"/dev/fd/5",
    ]


@pytest.mark.enforcement
def test_scripts_run_by_scripts_and_by_descriptor(tmp_path: Path) -> None:
    box = Box(tmp_path, POLICY)
    box.file("one", "#! /bin/sh -e \necho $0 $*\n", 0o755)
    box.file("two", f"#!{tmp_path}/one\tx y  \n", 0o755)
    box.file("three", f"#!{tmp_path}/two\n", 0o755)
    outcome = box.shell("./three a; PATH=. two b; exec 7< one; exec /proc/self/fd/7 c")
    assert outcome.output.splitlines() == [
        f"{tmp_path}/one x y {tmp_path}/two ./three a",
        f"{tmp_path}/one x y ./two b",
        "/proc/self/fd/7 c",
    ]
