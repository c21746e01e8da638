"""Programs that race the supervisor for other tasks and message queues: what is denied is never once done."""

import ctypes
import os
import shutil
import subprocess
import uuid

import pytest

from selbox.enforce.linux import system_call
from selbox.enforce.seccomp.syscalls import NUMBERS
from tests.enforce.boxes import Box
from tests.enforce.clients import make_box, needs
from tests.enforce.test_races import RACE

pytestmark = [
    pytest.mark.enforcement,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="the attackers are C programs, and there is no gcc"),
    pytest.mark.skipif(os.geteuid() != 0, reason="the victims differ from the attackers by what only root can give"),
]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type dog_t) (call domain_type (dog_t)) (call change_identity (dog_t))
(type cat_exec_t) (call file_type (cat_exec_t))
(type dog_exec_t) (call file_type (dog_exec_t))
(type yard_t) (call file_type (yard_t))
(type queue_t) (call file_type (queue_t))
(call read_files (cat_t yard_t))
(call read_files (dog_t yard_t))
(call make_files_in (cat_t tmpfs_t queue_t))
(call manage_files (cat_t queue_t))
(call domain_transition (kernel_t cat_exec_t cat_t))
(call domain_transition (kernel_t dog_exec_t dog_t))
(dontaudit cat_t self (capability (sys_resource)))
"""

ROUNDS = 4_000

QUEUES = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "race.h"
static volatile char name[] = OWN;
static void *flip(void *unused) {
    for (;;) { /* the names differ in their last letter, so none is ever half of each */
        name[sizeof OWN - 2] = OTHER[sizeof OTHER - 2];
        name[sizeof OWN - 2] = OWN[sizeof OWN - 2];
    }
    return unused;
}
int main(void) {
    pthread_t thread;
    struct mq_attr limits = {0, 4, 32, 0}, is;
    int leaked = 0, opened = 0, refused = 0;
    syscall(SYS_mq_open, OWN, O_CREAT | O_RDWR, 0600, &limits);
    pthread_create(&thread, 0, flip, 0);
    for (int i = 0; GOES_ON(i, opened > 10 && refused); i++) {
        int queue = syscall(SYS_mq_open, name, O_RDONLY, 0, 0);
        if (queue < 0) {
            refused += errno == EACCES;
            continue;
        }
        opened++;
        syscall(SYS_mq_getsetattr, queue, 0, &is);
        if (is.mq_maxmsg != 4) leaked++;
        close(queue);
    }
    syscall(SYS_mq_unlink, OWN);
    printf("%d %d\n", opened, leaked);
    return 0;
}
"""

CAPABILITIES = r"""
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "race.h"
static volatile struct { unsigned version; int pid; } header = {0x20080522, 0};
static int dog;
static void *flip(void *unused) {
    for (;;) {
        header.pid = dog;
        __asm__ volatile("" ::: "memory");
        header.pid = 0;
        __asm__ volatile("" ::: "memory");
    }
    return unused;
}
int main(int count, char **words) {
    pthread_t thread;
    int leaked = 0, asked = 0, refused = 0;
    dog = atoi(words[1]);
    pthread_create(&thread, 0, flip, 0);
    for (int i = 0; GOES_ON(i, asked > 10 && refused); i++) {
        unsigned data[6] = {0};
        if (syscall(SYS_capget, &header, data)) {
            refused += errno == EACCES;
            continue;
        }
        asked++;
        if (data[1] == 0) leaked++; /* the dog has none, and this cat has */
    }
    printf("%d %d\n", asked, leaked);
    return 0;
}
"""


def attack(box: Box, source: str, script: str, *definitions: str) -> tuple[int, int]:
    program = box.directory / "cat"
    command = ["gcc", "-O1", "-w", "-static", "-pthread", *RACE, f"-DROUNDS={ROUNDS}", *definitions, "-x", "c", "-"]
    subprocess.run([*command, "-o", str(program)], input=source, text=True, check=True, capture_output=True)
    box.file("dog", "#!/bin/sh\nexec setpriv --reuid=65534 --clear-groups sleep 100\n", 0o777)
    names = ((box.directory, "yard_t"), (program, "cat_exec_t"), (box.directory / "dog", "dog_exec_t"))
    labels = tuple(f"--label={path}=system_u:object_r:{name}:s0" for path, name in names)
    outcome = box.run("/bin/sh", "-c", script, options=labels)
    assert outcome.denied("process", "getcap") or outcome.denied("file", "open"), "it never tried what is denied"
    done, leaked = map(int, outcome.output.split())
    return done, leaked


def test_a_thread_changes_the_name_of_a_queue(tmp_path_factory: pytest.TempPathFactory) -> None:
    box = make_box(tmp_path_factory, POLICY, None)
    name = f"selbox-{uuid.uuid4()}"
    own, other = f"{name}-1", f"{name}-2"
    # A queue from outside has the file system's label, by which no domain may open it.
    limits = (ctypes.c_long * 8)(0, 3, 32, 0)
    attributes = ctypes.create_string_buffer(bytes(limits), 64)
    os.close(system_call(NUMBERS["mq_open"], f"{other}\0".encode(), os.O_CREAT | os.O_RDWR, 0o666, attributes))
    try:
        opened, leaked = attack(box, QUEUES, "./cat", f'-DOWN="{own}"', f'-DOTHER="{other}"')
    finally:
        system_call(NUMBERS["mq_unlink"], f"{other}\0".encode())
    assert leaked == 0
    assert opened > 10


READY = 'until read -r name < /proc/$!/comm && test "$name" = sleep; do sleep 0.05; done'
"""Waits for the dog, which has become another user when it sleeps."""


@needs("setpriv")
def test_a_thread_changes_whose_capabilities_it_asks_for(tmp_path_factory: pytest.TempPathFactory) -> None:
    box = make_box(tmp_path_factory, POLICY, None)
    asked, leaked = attack(box, CAPABILITIES, f"./dog & {READY}; ./cat $!; kill $!")
    assert leaked == 0
    assert asked > 10
