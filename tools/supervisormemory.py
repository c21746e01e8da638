"""Measures a supervisor's memory: with a large policy, many processes, and over very many calls.

It takes minutes, so that it is a command of its own. Each process makes, writes, opens, stats, renames and removes
files with names of their own, and signals itself; some run programs. What is kept for each of these must go with it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

WORK = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
/* work PROCESSES ROUNDS: each process makes 8 notified calls a round, and tells when all are at a tenth of them. */
static void work(int number, int round) {
    char first[64], second[64];
    struct stat status;
    snprintf(first, sizeof first, "f%d-%d", number, round);
    snprintf(second, sizeof second, "g%d-%d", number, round);
    close(open(first, O_CREAT | O_WRONLY, 0600));
    close(open(first, O_RDONLY));
    stat(first, &status);
    rename(first, second);
    chmod(second, 0640);
    mkdir(first, 0700);
    rmdir(first);
    unlink(second);
}
int main(int count, char **words) {
    int processes = atoi(words[1]), rounds = atoi(words[2]), told[2], go[2];
    char byte;
    pipe(told);
    pipe(go);
    for (int i = 0; i < processes; i++)
        if (fork() == 0) {
            close(go[1]);
            for (int j = 0; j < 10; j++) {
                for (int k = 0; k < rounds / 10; k++) work(i, j * (rounds / 10) + k);
                write(told[1], "x", 1);
                if (read(go[0], &byte, 1) != 1) _exit(1);
            }
            _exit(0);
        }
    for (int j = 0; j < 10; j++) {
        for (int i = 0; i < processes; i++) read(told[0], &byte, 1);
        printf("%d\n", j);
        fflush(stdout);
        if (read(0, &byte, 1) != 1) return 1;
        for (int i = 0; i < processes; i++) write(go[1], "x", 1);
    }
    while (wait(0) > 0);
    return 0;
}
"""


def memory_of(pid: int) -> tuple[float, float]:
    """Return a process's resident memory and the most that it ever was, in MiB."""
    fields = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        fields[name] = value.split()
    return int(fields["VmRSS"][0]) / 1024, int(fields["VmHWM"][0]) / 1024


def measure(policy: str | None, processes: int, calls: int, directory: str) -> None:
    """Run a box and print its supervisor's memory ten times on the way."""
    program = os.path.join(directory, "work")
    command = ["gcc", "-O1", "-w", "-x", "c", "-", "-o", program]
    subprocess.run(command, input=WORK, text=True, check=True)
    rounds = max(10, calls // (8 * processes))
    options = ["--policy", policy] if policy else []
    box = [sys.executable, "-m", "selbox", "run", *options, "--permissive", "--quiet", "--"]
    with subprocess.Popen(
        [*box, program, str(processes), str(rounds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=directory,
        text=True,
    ) as running:
        if running.stdin is None or running.stdout is None:
            raise RuntimeError("pipes were asked for")
        print(f"{processes} processes, {rounds * 8 * processes:,} calls")
        for tenth in range(1, 11):
            if not running.stdout.readline():
                break
            resident, most = memory_of(running.pid)
            print(
                f"{rounds * 8 * processes * tenth // 10:>10,} calls: {resident:6.1f} MiB, at most {most:6.1f} MiB",
                flush=True,
            )
            running.stdin.write("x")
            running.stdin.flush()


def main(words: Sequence[str]) -> int:
    """Measure; the status is 2 where there is no compiler."""
    parser = ArgumentParser(prog="tools/supervisormemory.py", description="Measure the memory of a supervisor.")
    parser.add_argument("--policy", help="a policy, such as a real one; the base policy when left out")
    parser.add_argument("--processes", type=int, default=200, help="how many at once (200)")
    parser.add_argument("--calls", type=int, default=1_000_000, help="how many in all (1,000,000)")
    arguments = parser.parse_args(words)
    if shutil.which("gcc") is None:
        print("left out: there is no gcc")
        return 2
    policy = os.path.abspath(arguments.policy) if arguments.policy else None
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        measure(policy, arguments.processes, arguments.calls, directory)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
