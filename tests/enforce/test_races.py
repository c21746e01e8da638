"""Hostile programs that race the supervisor: what is denied is never once done.

Each runs for thousands of rounds while another thread, or another process, changes what the call points at.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.enforce.boxes import Box
from tests.strength import tries

pytestmark = [
    pytest.mark.enforcement,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="the attackers are C programs, and there is no gcc"),
]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type food_t) (call file_type (food_t))
(type secret_food_t) (call file_type (secret_food_t))
(type yard_t) (call file_type (yard_t))
(type good_exec_t) (call file_type (good_exec_t))
(type bad_exec_t) (call file_type (bad_exec_t))
(call manage_files (cat_t yard_t))
(call manage_files (cat_t food_t))
(call run_files (cat_t good_exec_t))
"""

OPEN_ATTACKER = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "race.h"
static volatile char path[16] = "food";
static void *flip(void *unused) {
    for (;;) {
        memcpy((char *)path, "food", 5);
        __asm__ volatile("" ::: "memory");
        memcpy((char *)path, "salt", 5);
        __asm__ volatile("" ::: "memory");
    }
    return unused;
}
int main(void) {
    pthread_t thread;
    int leaked = 0, opened = 0, refused = 0;
    pthread_create(&thread, 0, flip, 0);
    for (int i = 0; GOES_ON(i, opened && refused); i++) {
        char content[16] = "";
        int fd = open((char *)path, O_RDONLY);
        if (fd < 0) {
            refused += errno == EACCES;
            continue;
        }
        opened++;
        if (read(fd, content, 15) > 0 && strstr(content, "secret")) leaked++;
        close(fd);
    }
    printf("%d opened, %d leaked\n", opened, leaked);
    return leaked != 0;
}
"""

FLAGS_ATTACKER = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "race.h"
static volatile struct open_how how;
static void *flip(void *unused) {
    for (;;) {
        for (int i = 0; i < 100; i++) how.flags = O_PATH;
        for (int i = 0; i < 100; i++) how.flags = O_RDONLY;
    }
    return unused;
}
int main(void) {
    pthread_t thread;
    int leaked = 0, named = 0, refused = 0;
    pthread_create(&thread, 0, flip, 0);
    for (int i = 0; GOES_ON(i, named && refused); i++) {
        char content[16] = "";
        int fd = syscall(SYS_openat2, AT_FDCWD, "salt", &how, sizeof how);
        if (fd < 0) {
            refused += errno == EACCES;
            continue;
        }
        named++;
        if (read(fd, content, 15) > 0 && strstr(content, "secret")) leaked++;
        close(fd);
    }
    printf("%d named, %d leaked\n", named, leaked);
    return leaked != 0;
}
"""

DIRECTORY_ATTACKER = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "race.h"
static int here, there;
static void *flip(void *unused) {
    for (;;) {
        fchdir(here);
        fchdir(there);
    }
    return unused;
}
int main(void) {
    pthread_t thread;
    int leaked = 0, done = 0, refused = 0;
    here = open("here", O_RDONLY);
    there = open("there", O_RDONLY);
    pthread_create(&thread, 0, flip, 0);
    for (int i = 0; GOES_ON(i, done && refused); i++) {
        char content[16] = "";
        struct stat status;
        int fd = open("meal", O_RDONLY);
        if (fd >= 0) {
            done++;
            if (read(fd, content, 15) > 0 && strstr(content, "secret")) leaked++;
            close(fd);
        } else if (errno == EACCES) {
            refused++;
        }
        if (!stat("meal", &status) && status.st_size != 4) leaked++;
        if (!faccessat(AT_FDCWD, "meal", X_OK, 0)) leaked++;
    }
    printf("%d opened, %d leaked\n", done, leaked);
    return leaked != 0;
}
"""

STATUS_ATTACKER = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "race.h"
static volatile char path[16] = "food";
static void *flip(void *unused) {
    for (;;) {
        memcpy((char *)path, "food", 5);
        __asm__ volatile("" ::: "memory");
        memcpy((char *)path, "salt", 5);
        __asm__ volatile("" ::: "memory");
    }
    return unused;
}
int main(void) {
    pthread_t thread;
    int leaked = 0, shown = 0, refused = 0, watched = -1;
    int queue = inotify_init1(IN_NONBLOCK);
    pthread_create(&thread, 0, flip, 0);
    for (int i = 0; GOES_ON(i, shown && refused); i++) {
        struct stat status = {0};
        int watch = inotify_add_watch(queue, (char *)path, IN_MODIFY);
        if (watch >= 0 && watched < 0) watched = watch;
        if (watch >= 0 && watch != watched) leaked++;
        if (access((char *)path, X_OK) == 0) leaked++;
        setxattr((char *)path, "user.x", "x", 1, 0);
        struct statx extended = {0};
        if (stat((char *)path, &status) == 0) shown++; else refused += errno == EACCES;
        if (status.st_size == 6) leaked++;
        if (statx(AT_FDCWD, (char *)path, 0, STATX_SIZE, &extended) == 0) shown++;
        if (extended.stx_size == 6) leaked++;
        chmod((char *)path, 0640);
        truncate((char *)path, 4);
        access((char *)path, R_OK);
    }
    printf("%d shown, %d leaked\n", shown, leaked);
    return leaked != 0;
}
"""

NUMBER_ATTACKER = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "race.h"
static int food, salt;
static void *flip(void *unused) {
    for (;;) { dup2(food, 9); dup2(salt, 9); }
    return unused;
}
int main(void) {
    pthread_t thread;
    int leaked = 0, shown = 0, refused = 0;
    food = open("food", O_RDONLY);
    salt = open("salt", O_PATH);
    dup2(food, 9);
    pthread_create(&thread, 0, flip, 0);
    for (int i = 0; GOES_ON(i, shown && refused); i++) {
        struct stat status = {0};
        if (fstat(9, &status) == 0) shown++; else refused += errno == EACCES;
        if (status.st_size == 6) leaked++;
    }
    printf("%d shown, %d leaked\n", shown, leaked);
    return leaked != 0;
}
"""

LINK_ATTACKER = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "race.h"
int main(void) {
    int leaked = 0, opened = 0, refused = 0;
    symlink("food", "to-food");
    symlink("salt", "to-salt");
    pid_t flipper = fork();
    if (flipper == 0)
        for (;;) {
            link("to-food", "next"); rename("next", "link");
            unlink("next"); link("to-salt", "next"); rename("next", "link"); unlink("next");
        }
    for (int i = 0; GOES_ON(i, opened && refused); i++) {
        char content[16] = "";
        int fd = open("link", O_RDONLY);
        if (fd < 0) {
            refused += errno == EACCES;
            continue;
        }
        opened++;
        if (read(fd, content, 15) > 0 && strstr(content, "secret")) leaked++;
        close(fd);
    }
    kill(flipper, SIGKILL);
    printf("%d opened, %d leaked\n", opened, leaked);
    return leaked != 0;
}
"""

EXEC_ATTACKER = r"""
#define _GNU_SOURCE
#include <pthread.h>
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
        memcpy((char *)path, "./evil", 7);
        __asm__ volatile("" ::: "memory");
    }
    return unused;
}
int main(void) {
    int evil = 0, good = 0, refused = 0;
    for (int i = 0; GOES_ON(i, good && refused); i++) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            pthread_t thread;
            char *arguments[] = {"program", 0};
            pthread_create(&thread, 0, flip, 0);
            execv((char *)path, arguments);
            _exit(errno == EACCES ? 9 : 10);
        }
        waitpid(child, &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 66) evil++;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 55) good++;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 9) refused++;
    }
    printf("%d good, %d evil\n", good, evil);
    return evil != 0;
}
"""

SWAP_ATTACKER = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "race.h"
int main(void) {
    int evil = 0, good = 0, refused = 0;
    pid_t flipper = fork();
    if (flipper == 0)
        for (;;) { unlink("run"); symlink("good", "run"); unlink("run"); symlink("evil", "run"); }
    for (int i = 0; GOES_ON(i, good && refused); i++) {
        int status;
        pid_t child = vfork();
        if (child == 0) {
            char *arguments[] = {"program", 0};
            execv("./run", arguments);
            _exit(errno == EACCES ? 9 : 10);
        }
        waitpid(child, &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 66) evil++;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 55) good++;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 9) refused++;
    }
    kill(flipper, SIGKILL);
    printf("%d good, %d evil\n", good, evil);
    return evil != 0;
}
"""


RACE = ("-I", str(Path(__file__).parent))
"""Has the compiler find ``race.h``."""


def compiled(box: Box, name: str, source: str, rounds: int = 1, *options: str) -> Path:
    program = box.directory / name
    subprocess.run(
        [
            "gcc",
            "-O1",
            "-static",
            "-pthread",
            *options,
            *RACE,
            f"-DROUNDS={rounds}",
            "-x",
            "c",
            "-",
            "-o",
            str(program),
        ],
        input=source,
        text=True,
        check=True,
        capture_output=True,
    )
    return program


def label(path: Path, type_name: str) -> str:
    return f"--label={path}=system_u:object_r:{type_name}:s0"


@pytest.fixture
def box(tmp_path: Path) -> Box:
    box = Box(tmp_path, POLICY)
    box.file("food", "chow")
    box.file("salt", "secret")
    for name, content in (("here", "chow"), ("there", "secret")):
        (box.directory / name).mkdir()
        (box.directory / name / "meal").write_text(content)
    (box.directory / "there" / "meal").chmod(0o755)
    compiled(box, "good", "int main(void) { return 55; }")
    compiled(box, "evil", "int main(void) { return 66; }")
    return box


def attack(box: Box, source: str, rounds: int) -> tuple[int, int]:
    """Run an attacker; return how often what is allowed and what is denied was done."""
    attacker = compiled(box, "attacker", source, rounds)
    outcome = box.run(
        str(attacker),
        options=(
            *("--domain", "cat_t"),
            label(box.directory, "yard_t"),
            label(box.directory / "food", "food_t"),
            label(box.directory / "salt", "secret_food_t"),
            label(box.directory / "here" / "meal", "food_t"),
            label(box.directory / "there" / "meal", "secret_food_t"),
            label(box.directory / "good", "good_exec_t"),
            label(box.directory / "evil", "bad_exec_t"),
        ),
        timeout=240,
    )
    words = outcome.output.split()
    assert outcome.records, "it never even tried what is denied"
    return int(words[0]), int(words[2])


@pytest.mark.parametrize(
    ("source", "rounds"),
    [
        pytest.param(OPEN_ATTACKER, tries(8_000), id="a thread changes the path of open"),
        pytest.param(FLAGS_ATTACKER, tries(4_000), id="a thread changes the flags of openat2"),
        pytest.param(DIRECTORY_ATTACKER, tries(4_000), id="a thread changes the directory where a path starts"),
        pytest.param(
            STATUS_ATTACKER,
            tries(2_500),
            id="a thread changes the path of stat, chmod, truncate, setxattr, watches and others",
        ),
        pytest.param(NUMBER_ATTACKER, 5_000, id="a thread changes what the descriptor of fstat stands for"),
        pytest.param(LINK_ATTACKER, tries(3_000), id="a process changes a link on the path of open"),
        pytest.param(EXEC_ATTACKER, tries(1_200), id="a thread changes the path of exec"),
        pytest.param(SWAP_ATTACKER, tries(2_000), id="a process changes a link on the path of exec"),
    ],
)
def test_a_race_is_never_won(box: Box, source: str, rounds: int) -> None:
    before = (box.directory / "salt").stat()
    allowed, denied = attack(box, source, rounds)
    after = (box.directory / "salt").stat()
    assert (after.st_mode, after.st_size) == (before.st_mode, before.st_size)
    assert os.listxattr(box.directory / "salt") == []
    assert denied == 0
    assert allowed > 0, "the race must leave the allowed way open, or it proves nothing"
