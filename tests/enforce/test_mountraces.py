"""Hostile programs that mount while another thread changes what they point at: what is denied is never mounted."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.enforce.boxes import Box
from tests.enforce.test_mounts import CAT, POLICY, labelled, pytestmark
from tests.enforce.test_races import RACE
from tests.strength import tries

__all__ = ["pytestmark"]

ROUNDS = tries(800)

ATTACKER = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "race.h"
static volatile char place[16] = "place", kind[16] = "tmpfs", source[16] = "origin", label[64];
static const char soft[] = "rootcontext=system_u:object_r:soft_t:s0";
static const char hard[] = "rootcontext=system_u:object_r:hard_t:s0";
static void say(volatile char *where, const char *text) {
    memcpy((char *)where, text, strlen(text) + 1);
    __asm__ volatile("" ::: "memory");
}
static void *flip(void *unused) {
    for (int i = 0;; i++) {
        say(place, "place"); say(kind, "tmpfs"); say(label, soft); say(source, "origin");
        say(place, "guard"); say(kind, "proc"); say(label, hard); say(source, "secret");
        if (i % 65536) continue;
        unlink("link"); symlink("place", "link");
        rename("moved", "other/moved"); rename("other/moved", "moved");
        unlink("link"); symlink("guard", "link");
    }
    return unused;
}
static int is_mounted(const char *path) {
    struct stat here, above;
    return !stat(path, &here) && !stat(".", &above) && here.st_dev != above.st_dev;
}
int main(void) {
    pthread_t thread;
    int won = 0, done = 0, enough = ROUNDS / 4;
    pthread_create(&thread, 0, flip, 0);
    for (int i = 0; GOES_ON(i, done > enough); i++) {
        char now[128] = "";
        struct statfs status;
        switch (i % 4) {
        case 0: done += !mount("none", (char *)place, (char *)kind, 0, (char *)label); break;
        case 1: done += !mount("none", "link", (char *)kind, 0, ""); break;
        case 2: done += !mount((char *)source, "place", 0, MS_BIND, 0); break;
        case 3: {
            int copy = syscall(428, AT_FDCWD, (char *)source, 0x80001);
            done += !syscall(429, copy, "", AT_FDCWD, (char *)place, 4);
            close(copy);
        }
        }
        if (is_mounted("guard")) won++;
        if (!statfs("place", &status) && status.f_type == 0x9fa0) won++;
        if (getxattr("place", "security.selinux", now, sizeof now) > 0 && strstr(now, "hard_t")) won++;
        if (!access("place/inner", F_OK)) won++;
        while (!umount2("place", MNT_DETACH)) {}
    }
    printf("%d mounted, %d won\n", done, won);
    return won != 0;
}
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="the attacker is a C program, and there is no gcc")
def test_a_race_for_a_mount_is_never_won(tmp_path: Path) -> None:
    rules = """
    (type guard_t) (call file_type (guard_t))
    (allow cat_t guard_t (dir (getattr search)))
    (allow cat_t tmpfs_t (filesystem (relabelfrom)))
    (allow cat_t soft_t (dir (getattr search mounton)))
    (allow cat_t proc_t (dir (getattr search)))
    """
    box = Box(tmp_path, POLICY + rules)
    for name in ("place", "other", "origin", "guard", "moved", "secret", "secret/inner", "origin/secret"):
        (tmp_path / name).mkdir()
    source = box.file("attacker.c", ATTACKER)
    program = tmp_path / "attacker"
    subprocess.run(["gcc", "-O1", "-w", *RACE, f"-DROUNDS={ROUNDS}", "-pthread", "-o", program, source], check=True)
    context = f"{tmp_path}/{{}}=system_u:object_r:{{}}:s0"
    labels = ("--label", context.format("guard", "guard_t"), "--label", context.format("secret", "secret_food_t"))
    outcome = box.run(str(program), options=(*CAT, *labelled(box), *labels))
    assert outcome.output, outcome.errors
    done, won = (int(word.split()[0]) for word in outcome.output.split(","))
    assert won == 0, outcome
    assert done > ROUNDS // 4, "the race must leave the allowed ways open, or it proves nothing"
    assert not os.path.ismount(tmp_path / "place")
