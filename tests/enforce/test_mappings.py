"""Mapped and executable memory: each permission that the kernel asks for, one after another."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.enforce.boxes import Box, Outcome

pytestmark = [
    pytest.mark.enforcement,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="the programs are in C, and there is no gcc"),
]

DOMAIN = """
(type cat_t) (call domain_type (cat_t))
(type yard_t) (call file_type (yard_t))
(type plain_t) (call file_type (plain_t))
(type code_t) (call file_type (code_t))
(call run_files (cat_t yard_t))
(allow cat_t plain_t (file (getattr open read write{plain})))
(allow cat_t code_t (file (getattr open read map execute{code})))
{more}
"""

PROGRAM = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <unistd.h>
#define R PROT_READ
#define W PROT_WRITE
#define X PROT_EXEC
static void say(const char *what, int failed) {
    printf("%s %s\n", what, failed ? strerrorname_np(errno) : "ok");
    fflush(stdout);
}
static void map(const char *what, int prot, int flags, int fd) {
    say(what, mmap(0, 4096, prot, flags, fd, 0) == MAP_FAILED);
}
static void protect(const char *what, void *page, int prot) { say(what, mprotect(page, 4096, prot)); }
static void *on_own_stack(void *unused) {
    char page[8192];
    protect("thread stack", (void *)((unsigned long)(page + 4096) & ~4095UL), R | W | X);
    return 0;
}
int main(void) {
    int plain = open("plain", O_RDWR), code = open("code", O_RDONLY);
    pthread_t thread;
    char local;
    map("anonymous", R | W, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    map("anonymous run", R | X, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    map("anonymous shared run", R | X, MAP_SHARED | MAP_ANONYMOUS, -1);
    map("plain", R, MAP_PRIVATE, plain);
    map("plain run", R | X, MAP_PRIVATE, plain);
    map("code", R, MAP_PRIVATE, code);
    map("code run", R | X, MAP_PRIVATE, code);
    map("code written and run", R | W | X, MAP_PRIVATE, code);
    map("no file", R | X, MAP_PRIVATE, 99);
    void *fresh = mmap(0, 4096, R | W, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    protect("anonymous to run", fresh, R | X);
    void *clean = mmap(0, 4096, R, MAP_PRIVATE, code, 0);
    protect("clean code to run", clean, R | X);
    char *dirty = mmap(0, 4096, R | W, MAP_PRIVATE, code, 0);
    dirty[0] = 1;
    protect("dirty code to run", dirty, R | X);
    protect("heap to run", (void *)((unsigned long)sbrk(8192) & ~4095UL), R | X);
    protect("stack to run", (void *)((unsigned long)&local & ~4095UL), R | W | X);
    pthread_create(&thread, 0, on_own_stack, 0);
    pthread_join(thread, 0);
    say("nothing there", mprotect((void *)0x10000, 4096, R | X));
    say("odd address", mprotect((char *)fresh + 1, 4096, R | X));
    say("personality", personality(READ_IMPLIES_EXEC) == -1);
    return 0;
}
"""


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mappings") / "program"
    command = ["gcc", "-O1", "-w", "-static", "-pthread", "-x", "c", "-", "-o", str(path)]
    subprocess.run(command, input=PROGRAM, text=True, check=True, capture_output=True)
    return path


def attempt(
    directory: Path, program: Path, *options: str, plain: str = "", code: str = "", more: str = ""
) -> tuple[dict[str, str], Outcome]:
    """Run the program under rules; return what it says of each mapping."""
    box = Box(directory, DOMAIN.format(plain=plain, code=code, more=more))
    shutil.copy(program, box.directory / "program")
    for name in ("plain", "code"):
        box.file(name, "x" * 8192)
    kinds = {"": "yard_t", "plain": "plain_t", "code": "code_t"}
    labels = [f"--label={directory / name}=system_u:object_r:{kind}:s0" for name, kind in kinds.items()]
    outcome = box.run(str(box.directory / "program"), options=("--domain", "cat_t", *options, *labels))
    return dict(line.rsplit(" ", 1) for line in outcome.output.splitlines()), outcome


def asked(outcome: Outcome) -> list[str]:
    """Return what is recorded, each as permissions and class."""
    return [f"{' '.join(each.permissions)} {each.tclass}" for each in outcome.records]


def test_what_policy_does_not_grant_is_denied(tmp_path: Path, program: Path) -> None:
    found, outcome = attempt(tmp_path, program)
    assert found == {
        "anonymous": "ok",
        "anonymous run": "EACCES",
        "anonymous shared run": "EACCES",
        "plain": "EACCES",
        "plain run": "EACCES",
        "code": "ok",
        "code run": "ok",
        "code written and run": "EACCES",
        "no file": "EBADF",
        "anonymous to run": "EACCES",
        "clean code to run": "ok",
        "dirty code to run": "EACCES",
        "heap to run": "EACCES",
        "stack to run": "EACCES",
        "thread stack": "EACCES",
        "nothing there": "ENOMEM",
        "odd address": "EINVAL",
        "personality": "EPERM",
    }
    assert asked(outcome) == [
        *["execmem process"] * 2,
        *["map file"] * 2,
        "execmem process",
        "execmem process",
        "execmod file",
        "execheap process",
        "execstack process",
        "execstack process",
    ]


def test_what_policy_grants_is_done(tmp_path: Path, program: Path) -> None:
    more = "(allow cat_t self (process (execmem execheap execstack)))"
    found, outcome = attempt(tmp_path, program, plain=" map execute", code=" execmod", more=more)
    denied = {name: words for name, words in found.items() if words != "ok"}
    assert denied == {"no file": "EBADF", "nothing there": "ENOMEM", "odd address": "EINVAL", "personality": "EPERM"}
    assert outcome.records == ()


def test_heap_and_stack_ask_for_execmem_as_well(tmp_path: Path, program: Path) -> None:
    found, outcome = attempt(tmp_path, program, more="(allow cat_t self (process (execheap execstack)))")
    assert [found[name] for name in ("heap to run", "stack to run", "thread stack")] == ["EACCES"] * 3
    assert "execheap process" not in asked(outcome)


def test_reading_and_mapping_are_two_permissions(tmp_path: Path, program: Path) -> None:
    found, _ = attempt(tmp_path, program, plain=" map")
    assert (found["plain"], found["plain run"]) == ("ok", "EACCES")


def test_permissive_records_and_goes_on(tmp_path: Path, program: Path) -> None:
    found, outcome = attempt(tmp_path, program, "--permissive")
    denied = {name: words for name, words in found.items() if words != "ok"}
    assert denied == {"no file": "EBADF", "nothing there": "ENOMEM", "odd address": "EINVAL", "personality": "EPERM"}
    assert asked(outcome) == [
        "execmem process",
        "map file",
        "execute file",
        "execmod file",
        "execheap process",
        "execstack process",
    ]
