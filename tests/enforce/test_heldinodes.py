"""What is forgotten of pipes, memory files and sockets, however many there are: nothing that somebody has open."""

import os
import subprocess
import sys

import pytest

from selbox.enforce.heldinodes import held_inodes
from selbox.enforce.tasks import TaskState, TaskTable
from tests.enforce.boxes import environment
from tests.enforce.clients import PYTHON, make_box, needs, needs_python

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type dog_t) (call domain_type (dog_t))
(type note_t) (call file_type (note_t))
(type yard_t) (call file_type (yard_t))
(call manage_files (cat_t yard_t))
(call choose_domain (dog_t cat_t))
(call see_processes (cat_t dog_t))
(typetransition dog_t tmpfs_t file note_t)
(call manage_files (dog_t tmpfs_t))
(call manage_files (cat_t tmpfs_t))
(allow dog_t note_t (file (getattr map)))
(allow cat_t dog_t (fd (use)))
(call own_ipc (dog_t))
(call own_ipc (cat_t))
(allow cat_t dog_t (unix_stream_socket (read write getattr getopt)))
"""

DOG = """
import os, subprocess, sys
number = os.memfd_create("x")
subprocess.run(["runcon", "system_u:system_r:cat_t:s0", sys.executable, "-c", sys.argv[1], f"{number}"])
"""

CAT = """
import os, sys
def look():
    try:
        os.open(f"/proc/{os.getppid()}/fd/{sys.argv[1]}", os.O_RDONLY)
        print("opened")
    except PermissionError:
        print("denied")
look()
for _ in range(200):
    for each in (*os.pipe(), os.memfd_create("y")):
        os.close(each)
look()
"""

SHELTER = """
import os, socket, sys
made = socket.socket(socket.AF_UNIX)
made.set_inheritable(True)
os.execvp("runcon", ["runcon", "system_u:system_r:cat_t:s0", sys.executable, "-c", sys.argv[1], f"{made.fileno()}"])
"""

GUEST = """
import os, socket, sys
guest, (here, there) = socket.socket(fileno=int(sys.argv[1])), socket.socketpair()
def look():
    try:
        guest.listen()
        print("listens")
    except PermissionError:
        print("denied")
    except OSError as error:
        print(error)
def pass_others():
    others = socket.socketpair()
    for _ in range(200):
        with socket.socket(socket.AF_UNIX) as each:
            socket.send_fds(others[0], [b"x"], [each.fileno()])
            others[1].recv(1)
look()
pass_others()
look()
socket.send_fds(here, [b"x"], [guest.fileno()])
guest.close()
for _ in range(3):
    with socket.socket(socket.AF_UNIX) as each:
        socket.send_fds(here, [b"x"], [each.fileno()])
guest = socket.socket(fileno=socket.recv_fds(there, 1, 1)[1][0])
look()
"""

FEW = """
import runpy
from selbox.enforce import namelesslabels, socketlabels
namelesslabels._KEPT = socketlabels._KEPT = socketlabels._CACHED = 16
runpy.run_module("selbox", run_name="__main__", alter_sys=True)
"""
"""Runs selbox so that it keeps few of what has no name."""

WAITER = "import resource, sys; resource.prlimit(0, 15, (int(sys.argv[1]), -1)); input()"


@pytest.mark.enforcement
@needs("runcon")
@needs_python
@pytest.mark.parametrize(
    ("programs", "denied"),
    [
        pytest.param((DOG, CAT), 2, id="memory files and pipes"),
        pytest.param((SHELTER, GUEST), 3, id="sockets, also on their way"),
    ],
)
def test_labels_of_what_is_open_outlive_any_number_of_others(
    tmp_path_factory: pytest.TempPathFactory, programs: tuple[str, str], denied: int
) -> None:
    box = make_box(tmp_path_factory, POLICY, None)
    python, _module, _selbox, *options = box.arguments(
        "--domain", "dog_t", f"--label={box.directory}=system_u:object_r:yard_t:s0"
    )
    command = [python, "-c", FEW, *options, str(PYTHON), "-c", *programs]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert (outcome.stdout.split(), outcome.stderr) == (["denied"] * denied, "")


def test_what_is_held_is_what_descriptors_of_the_tasks_stand_for() -> None:
    tasks = TaskTable()
    reading, writing = os.pipe()
    mine = os.fstat(reading)
    held = held_inodes(tasks)
    assert held is not None
    assert (mine.st_dev, mine.st_ino) in held  # the supervisor may have it for one of them
    label = str(tasks.limit_for(TaskState(sid=1, previous=1))[0])
    command = [sys.executable, "-c", WAITER, label]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[reading])
    status = os.fstat(reading)
    os.close(reading)
    os.close(writing)
    try:
        while tasks.state_of(child.pid) is None:
            assert child.poll() is None
        found = held_inodes(tasks)
    finally:
        child.communicate(b"\n")
    assert found is not None
    assert (status.st_dev, status.st_ino) in found
