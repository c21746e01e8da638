"""What is answered before a handler is asked: the same answers, however often one asks and whatever happens."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.enforce.boxes import Box

pytestmark = [
    pytest.mark.enforcement,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="the programs are in C, and there is no gcc"),
]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type secret_food_t) (call file_type (secret_food_t))
(type yard_t) (call file_type (yard_t))
(call manage_files (cat_t yard_t))
(call run_files (cat_t yard_t))
(type refined_t) (call file_type (refined_t))
(allow cat_t refined_t (file (open read ioctl)))
(allowx cat_t refined_t (ioctl file (0x5413)))
"""

PROGRAM = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>
static char file[256], absent[256], below[256];
static int number(long result) { return result < 0 ? errno : 0; }
static void expect(const char *what, int found, int wanted) {
    if (found != wanted) printf("%s: %d instead of %d\n", what, found, wanted);
}
static int opened(const char *path, int flags) {
    int fd = open(path, flags), error = number(fd);
    if (fd >= 0) {
        int told = O_ACCMODE | O_NONBLOCK | O_APPEND;
        expect("flags", fcntl(fd, F_GETFL) & told, flags & told);
        expect("close on exec", fcntl(fd, F_GETFD), flags & O_CLOEXEC ? FD_CLOEXEC : 0);
        close(fd);
    }
    return error;
}
/* Every question three times: the first is decided, the second remembered, the third answered at once. */
#define THRICE(what, found, wanted) for (int i_ = 0; i_ < 3; i_++) expect(what, found, wanted)
static void ask(const char *path, int error) {
    struct stat status;
    char text[64];
    THRICE("open", opened(path, O_RDONLY), error);
    THRICE("open, close on exec", opened(path, O_RDONLY | O_CLOEXEC), error);
    THRICE("open, not to wait", opened(path, O_RDWR | O_NONBLOCK), error);
    THRICE("open to append", opened(path, O_WRONLY | O_APPEND), error);
    THRICE("stat", number(stat(path, &status)), error);
    THRICE("lstat", number(lstat(path, &status)), error);
    THRICE("access", number(access(path, R_OK | W_OK)), error);
    THRICE("readlink", number(readlink(path, text, sizeof text)), error ? error : EINVAL);
}
int main(int count, char **words) {
    struct stat status;
    struct rlimit few = {16, 16};
    snprintf(file, sizeof file, "%s/file", words[1]);
    snprintf(absent, sizeof absent, "%s/absent", words[1]);
    snprintf(below, sizeof below, "%s/file/x", words[1]);
    chdir(words[1]);
    for (int relative = 0; relative < 2; relative++) {
        const char *path = relative ? "file" : file, *other = relative ? "absent" : absent;
        close(open("file", O_CREAT | O_RDWR, 0644));
        ask(path, 0);
        ask(other, ENOENT);
        THRICE("as a directory", opened(path, O_RDONLY | O_DIRECTORY), ENOTDIR);
        THRICE("below a file", number(stat(relative ? "file/x" : below, &status)), ENOTDIR);
        THRICE("nowhere to write", number(syscall(SYS_stat, path, 8)), EFAULT);
        THRICE("no path", number(syscall(SYS_open, 8, O_RDONLY)), EFAULT);
        rename("file", "absent");
        ask(path, ENOENT);
        ask(other, 0);
        symlink("absent", "file");
        THRICE("through a link", opened(path, O_RDONLY), 0);
        THRICE("not through a link", opened(path, O_RDONLY | O_NOFOLLOW), ELOOP);
        unlink("file");
        symlink("secret", "file");
        THRICE("through a link to what is secret", opened(path, O_RDONLY), EACCES);
        THRICE("its status", number(stat(path, &status)), EACCES);
        unlink("file");
        mkdir("file", 0755);
        THRICE("a directory now", opened(path, O_RDWR), EISDIR);
        THRICE("a directory that is read", opened(path, O_RDONLY | O_DIRECTORY), 0);
        rmdir("file");
        unlink("absent");
    }
    int fd = open("file", O_CREAT | O_RDWR, 0644), again = 0, refined = open("refined", O_RDONLY);
    char told[64];
    write(fd, "content", 7);
    for (int i = 0; i < 3; i++) {
        memset(&status, 0, sizeof status);
        expect("fstat", number(fstat(fd, &status)), 0);
        expect("its size", status.st_size, 7);
        expect("fstat of nothing", number(fstat(99, &status)), EBADF);
        expect("fstat of less", number(fstat(-1, &status)), EBADF);
        expect("mapped to run", mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED, 0);
        expect("no terminal", number(ioctl(fd, TCGETS, &told)), ENOTTY);
        expect("no file at all", number(ioctl(99, TCGETS, &told)), EBADF);
        expect("a command that is not granted", number(ioctl(refined, TCGETS, &told)), EACCES);
        expect("one that is", number(ioctl(refined, TIOCGWINSZ, &told)), ENOTTY);
        expect("mapped of nothing", mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, 99, 0) == MAP_FAILED, 1);
    }
    setrlimit(RLIMIT_NOFILE, &few);
    while ((again = open(file, O_RDONLY)) >= 0);
    expect("too many", errno, EMFILE);
    puts("done");
    return 0;
}
"""


@pytest.fixture
def box(tmp_path: Path) -> Box:
    box = Box(tmp_path, POLICY)
    (tmp_path / "yard").mkdir()
    box.file("yard/secret", "secret")
    box.file("yard/refined", "refined")
    return box


def test_the_answers_are_the_same_however_often_one_asks(box: Box) -> None:
    program = box.directory / "program"
    command = ["gcc", "-O1", "-w", "-static", "-x", "c", "-", "-o", str(program)]
    subprocess.run(command, input=PROGRAM, text=True, check=True, capture_output=True)
    labels = {box.directory: "yard_t", box.directory / "yard" / "secret": "secret_food_t"}
    labels[box.directory / "yard" / "refined"] = "refined_t"
    outcome = box.run(
        str(program),
        str(box.directory / "yard"),
        options=(
            "--domain",
            "cat_t",
            *(f"--label={path}=system_u:object_r:{each}:s0" for path, each in labels.items()),
        ),
    )
    assert outcome.errors == ""
    assert outcome.output == "done\n"
