"""What a program opens is what it gets, whatever happens to its supervisor while it is handed over."""

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.enforce.boxes import Box, environment
from tests.enforce.test_races import compiled
from tests.patience import PATIENCE
from tests.strength import tries

pytestmark = [
    pytest.mark.enforcement,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="the program is C, and there is no gcc"),
]

OPENER = r"""
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
static void *wait_for_ever(void *unused) { for (;;) pause(); }
static int is_right(const char *name, int flags) {
    struct stat wanted, got;
    int file = open(name, flags);
    int right = file > 2 && !stat(name, &wanted) && !fstat(file, &got) && wanted.st_ino == got.st_ino;
    if (file > 2) close(file);
    return right;
}
int main(void) {
    pthread_t thread;
    int wrong = 0;
    if (THREADS > 1) pthread_create(&thread, 0, wait_for_ever, 0);
    for (int i = 0; i < ROUNDS; i++) wrong += !is_right("food", O_RDONLY) + !is_right("pipe", O_RDWR);
    printf("%d wrong\n", wrong);
    return 0;
}
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_a_supervisor_that_is_stopped_again_and_again_gives_what_was_opened(tmp_path: Path, threads: int) -> None:
    """The kernel answers with 0 where a stop meets what hands over and answers in one."""
    box = Box(tmp_path, "")
    box.file("food", "chow")
    subprocess.run(["mkfifo", str(tmp_path / "pipe")], check=True)
    program = compiled(box, "opener", f"#define THREADS {threads}\n{OPENER}", tries(4000))
    with subprocess.Popen(
        [*box.arguments(), str(program)], stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment()
    ) as process:
        end = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < end:
            process.send_signal(signal.SIGSTOP)
            process.send_signal(signal.SIGCONT)
            time.sleep(0.0002)
        output, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == (0, "0 wrong\n")
