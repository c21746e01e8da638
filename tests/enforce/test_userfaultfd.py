"""Page faults that programs of a box handle themselves: who may, and that nobody else waits for it."""

import shutil
import subprocess

import pytest

from tests.enforce.boxes import Outcome
from tests.enforce.clients import USERS, make_box
from tests.strength import tries

pytestmark = [
    pytest.mark.enforcement,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="the handler is a C program, and there is no gcc"),
]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type yard_t) (call file_type (yard_t))
(type fault_t) (roletype object_r fault_t)
(call run_files (cat_t yard_t)) (call read_files (cat_t yard_t))
(typetransition cat_t cat_t anon_inode "[userfaultfd]" fault_t)
(allow cat_t self (capability (sys_ptrace)))
"""

PROGRAM = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>
static int faults;
static void *handle(void *unused) {
    static char page[4096] __attribute__((aligned(4096)));
    memset(page, 'a', sizeof page);
    for (;;) {
        struct uffd_msg message;
        struct pollfd waiting = {faults, POLLIN};
        poll(&waiting, 1, -1);
        if (read(faults, &message, sizeof message) != sizeof message) continue;
        struct uffdio_copy copy = {message.arg.pagefault.address & ~4095UL, (unsigned long)page, 4096};
        ioctl(faults, UFFDIO_COPY, &copy);
    }
    return unused;
}
int main(void) {
    char label[128] = {0};
    pthread_t thread;
    faults = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | (geteuid() ? UFFD_USER_MODE_ONLY : 0));
    printf("made %d\n", faults < 0 ? errno : 0);
    if (faults < 0) return 0;
    int size = fgetxattr(faults, "security.selinux", label, sizeof label - 1);
    printf("label %s\n", size < 0 ? strerror(errno) : label);
    struct uffdio_api api = {UFFD_API};
    printf("begin %d\n", ioctl(faults, UFFDIO_API, &api) ? errno : 0);
    char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct uffdio_register range = {{(unsigned long)page, 8192}, UFFDIO_REGISTER_MODE_MISSING};
    printf("register %d\n", ioctl(faults, UFFDIO_REGISTER, &range) ? errno : 0);
    errno = 0;
    open(page + 4096, O_RDONLY);
    printf("path that is not there %d\n", errno);
    fflush(stdout);
    pthread_create(&thread, 0, handle, 0);
    if (!range.ioctls) return 0;
    printf("fault %c\n", page[42]);
    return 0;
}
"""


SHARED = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>
static int secret;
static void *exchange(void *unused) {
    for (int number = 9;; number = number == 12 ? 9 : number + 1) { dup2(secret, number); close(number); }
    return unused;
}
int main(int count, char **words) {
    pthread_t thread;
    char label[128] = {0};
    int made = 0;
    secret = open("secret", O_PATH);
    for (int number = 0; number < 9; number++) dup2(secret, number == 1 || number == 2 ? 200 : number);
    pthread_create(&thread, 0, exchange, 0);
    for (int each = 0; each < atoi(words[1]); each++) made += syscall(SYS_userfaultfd, 1) >= 0;
    printf("%d %d\n", made > 0, getxattr("secret", "security.selinux", label, sizeof label - 1) > 0);
    puts(label);
    return 0;
}
"""


def run(
    factory: pytest.TempPathFactory,
    granted: str,
    user: int | None = None,
    source: str = PROGRAM,
    words: tuple[str, ...] = (),
) -> Outcome:
    box = make_box(factory, f"{POLICY} (allow cat_t fault_t (anon_inode ({granted})))", user)
    program = box.directory / "faults"
    command = ["gcc", "-O1", "-w", "-static", "-pthread", "-x", "c", "-", "-o", str(program)]
    subprocess.run(command, input=source, text=True, check=True, capture_output=True)
    box.file("secret")
    labels = tuple(f"--label={path}=system_u:object_r:yard_t:s0" for path in (box.directory, program))
    return box.run("./faults", *words, options=("--domain", "cat_t", *labels))


@pytest.mark.parametrize("user", USERS)
def test_a_program_handles_its_own_faults_and_nobody_waits(
    tmp_path_factory: pytest.TempPathFactory, user: int | None
) -> None:
    outcome = run(tmp_path_factory, "create getattr ioctl read", user)
    label = "system_u:object_r:fault_t:s0"
    assert outcome.output == f"made 0\nlabel {label}\nbegin 0\nregister 0\npath that is not there 14\nfault a\n"
    assert outcome.records == ()


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("create", ["made 13"]),
        ("read", ["made 13"]),
        ("getattr", ["made 0", "label Permission denied"]),
        ("ioctl", ["made 0", "label system_u:object_r:fault_t:s0", "begin 13"]),
    ],
)
def test_a_permission_is_missing(tmp_path_factory: pytest.TempPathFactory, missing: str, told: list[str]) -> None:
    granted = " ".join({"create", "getattr", "ioctl", "read"} - {missing})
    outcome = run(tmp_path_factory, granted)
    assert outcome.output.splitlines()[: len(told)] == told
    assert {(each.tclass, each.permissions) for each in outcome.records} == {("anon_inode", (missing,))}


def test_a_thread_that_exchanges_what_was_made_is_not_killed_and_relabels_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    outcome = run(tmp_path_factory, "create read", source=SHARED, words=(str(tries(400)),))
    assert (outcome.status, outcome.output) == (0, "1 1\nsystem_u:object_r:yard_t:s0\n")
