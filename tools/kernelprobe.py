"""Runs in the virtual machine, as root: loads policies into its kernel one by one, and writes down what it answers.

``cases.json`` beside this program, which :mod:`kernelrandom` writes, says what to ask under each policy; the answers
go, in the same form, to the file that is named on the command line. Nothing of selbox is needed here.
"""

import fcntl
import json
import mmap
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from time import sleep
from typing import Any

SELINUX = "/sys/fs/selinux"
FILES = "/run/probe"
IOCTL_RECORD = re.compile(r"avc:  (\w+)  \{ ioctl \}.* ioctlcmd=(0x[0-9a-f]+) scontext=(\S+) tcontext=(\S+) ")
DENIED, GRANTED = 1, 2


def ask(node: str, question: str) -> str:
    """Ask one of the files of selinuxfs that answer what was written to them; an error is its name."""
    descriptor = os.open(f"{SELINUX}/{node}", os.O_RDWR)
    try:
        os.write(descriptor, question.encode())
        if node == "validatetrans":
            return "ok"
        return os.read(descriptor, 1 << 16).rstrip(b"\n\0").decode()
    except OSError as error:
        return f"ERR:{os.strerror(error.errno or 0)}"
    finally:
        os.close(descriptor)


def write(path: str, data: bytes) -> None:
    """Write to a file in one go, as the kernel's own files want it."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def ask_all(node: str, questions: Sequence[Sequence[str]]) -> list[str]:
    """Ask questions of several words each."""
    return [ask(node, " ".join(words)) for words in questions]


def load(name: str, directory: str) -> None:
    """Load a policy."""
    with open(os.path.join(directory, name), "rb") as stream:
        write(f"{SELINUX}/load", stream.read())


def set_up(case: dict[str, Any], directory: str) -> None:
    """Load a policy and set its booleans: the kernel keeps their values from the policy before."""
    load(case["policy"], directory)
    for name, value in case["booleans"].items():
        write(f"{SELINUX}/booleans/{name}", b"%d" % value)
    write(f"{SELINUX}/commit_pending_bools", b"1")


def ask_ioctls(case: dict[str, Any]) -> dict[str, Any]:
    """Have a process in each source context call ``ioctl`` on a file of each target context.

    Processes enter their contexts in permissive mode, where everything goes on; the calls are made when enforcing.

    Returns:
        ``results``: by source, target and number, whether it was denied; ``records``: what was recorded of them.
    """
    sources, targets, numbers = case["sources"], case["targets"], case["numbers"]
    os.makedirs(FILES, exist_ok=True)
    descriptors = []
    for index, target in enumerate(targets):
        path = f"{FILES}/{index}"
        descriptors.append(os.open(path, os.O_RDWR | os.O_CREAT))
        os.setxattr(path, "security.selinux", target.encode())
    memory = Results(len(sources), len(targets) * len(numbers))
    children = [start(memory, index, source, descriptors, numbers) for index, source in enumerate(sources)]
    while not memory.all_ready():
        sleep(0.01)
    subprocess.run(["dmesg", "-C"], check=True)
    write(f"{SELINUX}/enforce", b"1")
    memory.begin()
    for child in children:
        os.waitpid(child, 0)
    write(f"{SELINUX}/enforce", b"0")
    log = subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout
    for descriptor in descriptors:
        os.close(descriptor)
    records = [match.groups() for match in map(IOCTL_RECORD.search, log.splitlines()) if match]
    return {"results": [memory.of(index) for index in range(len(sources))], "records": records}


class Results:
    """Memory that processes share, which takes no permission to read or write.

    Args:
        processes: how many there are.
        size: how many results each has.
    """

    def __init__(self, processes: int, size: int) -> None:
        self.processes = processes
        self.size = size
        self.memory = mmap.mmap(-1, 1 + processes * (1 + size))

    def _place(self, process: int) -> int:
        return 1 + process * (1 + self.size)

    def ready(self, process: int) -> None:
        """Tell that a process waits for the beginning, and wait for it."""
        self.memory[self._place(process)] = 1
        while not self.memory[0]:
            sleep(0.01)

    def all_ready(self) -> bool:
        """Tell whether every process waits for the beginning."""
        return all(self.memory[self._place(process)] for process in range(self.processes))

    def begin(self) -> None:
        """Let all processes begin."""
        self.memory[0] = 1

    def put(self, process: int, results: bytes) -> None:
        """Take the results of a process."""
        self.memory[self._place(process) + 1 : self._place(process) + 1 + self.size] = results

    def of(self, process: int) -> list[int]:
        """Return the results of a process; all 0 when it could not do its work."""
        return list(self.memory[self._place(process) + 1 : self._place(process) + 1 + self.size])


def start(memory: Results, process: int, source: str, descriptors: Sequence[int], numbers: Sequence[int]) -> int:
    """Start a process in a context; return its pid."""
    child = os.fork()
    if child:
        return child
    try:
        write("/proc/thread-self/attr/current", source.encode())
    finally:
        memory.ready(process)
    try:
        memory.put(process, try_all(descriptors, numbers))
    finally:
        os._exit(0)


def try_all(descriptors: Sequence[int], numbers: Sequence[int]) -> bytes:
    """Call ``ioctl`` on each file with each number, and tell which calls were denied."""
    return bytes(try_one(descriptor, number) for descriptor in descriptors for number in numbers)


def try_one(descriptor: int, number: int) -> int:
    """Call ``ioctl`` once, with a command that means nothing to a file."""
    try:
        fcntl.ioctl(descriptor, number, 0)
    except PermissionError:
        return DENIED
    except OSError:
        return GRANTED  # a file knows no such command, but was asked
    return GRANTED


def answers(case: dict[str, Any], directory: str) -> dict[str, Any]:
    """Ask all that a case asks."""
    set_up(case, directory)
    found: dict[str, Any] = {node: ask_all(node, case[node]) for node in ("access", "context", "user", "validatetrans")}
    for node in ("create", "relabel", "member"):
        found[f"{node}_permissive"] = ask_all(node, case[node])
    found["ioctl"] = ask_ioctls(case)
    write(f"{SELINUX}/enforce", b"1")
    for node in ("create", "relabel", "member"):
        found[f"{node}_enforcing"] = ask_all(node, case[node])
    write(f"{SELINUX}/enforce", b"0")
    return found


def follow(steps: Sequence[tuple[str, bool]], texts: Sequence[str], directory: str) -> list[list[str]]:
    """Load policies one after another; return what contexts processes have under each.

    Args:
        steps: a policy, and whether it is loaded when enforcing.
        texts: the contexts that the processes take under the first policy.
        directory: of the policies.
    """
    load(steps[0][0], directory)
    memory = Results(len(texts), 0)
    children = [start(memory, index, text, (), ()) for index, text in enumerate(texts)]
    while not memory.all_ready():
        sleep(0.01)
    found = []
    for name, enforcing in steps:
        write(f"{SELINUX}/enforce", b"%d" % enforcing)
        load(name, directory)
        write(f"{SELINUX}/enforce", b"0")
        found.append([context_of(child) for child in children])
    memory.begin()
    for child in children:
        os.waitpid(child, 0)
    return found


def context_of(pid: int) -> str:
    """Return the context of a process."""
    with open(f"/proc/{pid}/attr/current") as stream:
        return stream.read().rstrip("\n\0")


def main() -> None:
    """Ask everything."""
    directory = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(directory, "cases.json")) as stream:
        asked = json.load(stream)
    found = {
        "cases": [answers(case, directory) for case in asked["cases"]],
        "loads": [follow(each["steps"], each["texts"], directory) for each in asked["loads"]],
    }
    with open(sys.argv[1], "w") as stream:
        json.dump(found, stream)


if __name__ == "__main__":
    main()
