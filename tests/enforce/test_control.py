"""The way into a running box from outside, and that there is none from inside."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from selbox.cli.boxforms import DENIALS, STATUS
from selbox.cli.boxprocesses import labelled_processes, processes_of
from selbox.diagnostics import SelboxError
from selbox.enforce.control import Control, check_name, shown_name
from tests.enforce.boxes import Box
from tests.enforce.clients import PYTHON, needs_python
from tests.enforce.running import Running, running
from tests.patience import PATIENCE

pytestmark = pytest.mark.enforcement

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type bowl_t) (call file_type (bowl_t))
(boolean night false)
(booleanif night (true (allow cat_t bowl_t (file (read open getattr)))))
"""
PETS = f"pets_{os.getpid()}"
WAIT = "echo up; read line; "


def start(directory: Path, script: str, *options: str) -> AbstractContextManager[Running]:
    return running(directory, POLICY, script, "--domain", "cat_t", *options)


def until_up(box: Running) -> None:
    assert box.process.stdout is not None
    assert box.process.stdout.readline() == "up\n"


def go_on(box: Running) -> None:
    assert box.process.stdin is not None
    box.process.stdin.write("\n")
    box.process.stdin.flush()


def test_it_tells_what_it_is_and_leaves_nothing(directory: Path) -> None:
    with start(directory, WAIT, "--name", PETS) as box:
        until_up(box)
        client = box.client()
        status = client.ask("status", STATUS)
        assert (box.box.name, status["name"], status["pid"]) == (PETS, PETS, box.process.pid)
        assert (status["user"], status["enforcing"]) == (os.geteuid(), True)
        assert status["command"][:2] == ["/bin/sh", "-c"]
        assert abs(status["since"] - time.time()) < PATIENCE
        assert status["booleans"] == {"night": {"active": False, "pending": False, "default": False}}
        assert status["avc"]["lookups"] == status["avc"]["hits"] + status["avc"]["misses"] > 0
        assert [each.context for each in processes_of(client, labelled_processes())] == ["system_u:system_r:cat_t:s0"]
        client.close()


def test_mode_and_booleans_are_set_from_outside(directory: Path) -> None:
    bowl = directory / "bowl"
    bowl.write_text("milk\n")
    script = "for i in 1 2 3 4; do read line; cat bowl 2>/dev/null || echo denied; done"
    changes: list[tuple[str, dict[str, object]]] = [
        ("status", {}),
        ("setenforce", {"enforcing": False}),
        ("setenforce", {"enforcing": True}),
        ("setbooleans", {"values": {"night": True}}),
    ]
    seen = []
    with start(directory, script, "--label", f"{bowl}=system_u:object_r:bowl_t:s0") as box, box.client() as client:
        assert box.process.stdout is not None
        for request, values in changes:
            client.ask(request, {}, **values)
            go_on(box)
            seen.append(box.process.stdout.readline())
    assert seen == ["denied\n", "milk\n", "denied\n", "milk\n"]
    log = (directory / "audit.log").read_text()
    assert "type=MAC_STATUS" in log
    assert "enforcing=0 old_enforcing=1" in log
    assert "bool=night val=1 old_val=0" in log


def test_a_denial_is_told_as_it_comes(directory: Path) -> None:
    bowl = directory / "bowl"
    bowl.write_text("milk\n")
    with start(directory, WAIT + "cat bowl; read line", "--label", f"{bowl}=system_u:object_r:bowl_t:s0") as box:
        until_up(box)
        client = box.client()
        assert client.ask("follow", DENIALS, last=5) == []
        go_on(box)
        denial = next(client.denials())
        assert (denial["permissions"], denial["tclass"], denial["comm"]) == (["read"], "file", "cat")
        assert denial["fields"]["path" if "path" in denial["fields"] else "name"].endswith("bowl")
        assert any("night" in each or "allow" in each for each in denial["reasons"])
        with box.client() as other:
            assert [each["serial"] for each in other.ask("status", STATUS)["denials"]["last"]] == [denial["serial"]]
        go_on(box)
        assert list(client.denials()) == []  # the box has ended
        client.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\n",
        b"[]\n",
        b'{"request": []}\n',
        b'{"request": "contexts", "numbers": "x"}\n',
        b'{"request": "contexts", "numbers": [1e400, true]}\n',
        b'{"request": "setenforce", "enforcing": 1}\n',
        b'{"request": "setbooleans", "values": {"night": 2}}\n',
        b'{"request": "setbooleans", "values": {"nigth": true}}\n',
        b'{"request": "follow", "last": {}}\n',
        b"[" * 5000 + b"\n",
        b"\xff\xfe\n",
    ],
)
def test_bad_requests_are_refused(shared: Running, sent: bytes) -> None:
    client = connected(shared)
    client.sendall(sent)
    with client.makefile("rb") as replies:
        reply = json.loads(replies.readline())
    assert reply["errors"][0]["code"] in ("box-request", "unknown-boolean")
    client.close()
    assert is_served(shared)


def test_who_sends_without_end_or_takes_no_replies_is_dropped(shared: Running) -> None:
    endless = connected(shared)
    with pytest.raises(OSError, match=r"reset|pipe"):
        endless.sendall(b"x" * (1 << 26))
    greedy = connected(shared)
    greedy.settimeout(0.5)
    with pytest.raises(TimeoutError):  # its requests are not read while replies wait
        greedy.sendall(b'{"request": "status"}\n' * (1 << 20))
    assert is_served(shared)
    idle = [shared.client() for _ in range(40)]
    assert is_served(shared)
    for each in idle:
        each.close()
    endless.close()
    greedy.close()


@needs_python
def test_no_program_of_a_box_gets_in(directory: Path, shared: Running) -> None:
    """As root, permissive, where policy keeps nobody from anything: its own box and another's."""
    program = directory / "intruder.py"
    program.write_text(INTRUDER)
    made = Box(directory, POLICY)
    result = made.run(str(PYTHON), str(program), str(shared.box.pid), options=("--permissive",))
    assert result.errors == ""
    tries = json.loads(result.output)
    assert len(tries) == 2
    for supervisor, outcome in tries.items():
        assert outcome.pop("found"), supervisor
        assert outcome == dict.fromkeys(outcome, "denied"), supervisor
    assert is_served(shared)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another")
@needs_python
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="there is no setpriv")
def test_another_user_gets_nowhere(directory: Path, shared: Running) -> None:
    code = f"import socket; socket.socket(socket.AF_UNIX).connect('/proc/{shared.box.pid}/fd/{shared.box.descriptor}')"
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(PYTHON), "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd="/")
    assert "PermissionError" in done.stderr
    assert directory.exists()


@pytest.mark.parametrize("name", ["", "_", "12", "a/b", "x" * 65, "a b", "ü"])
def test_names_that_boxes_cannot_have(name: str) -> None:
    with pytest.raises(SelboxError) as caught:
        check_name(name)
    assert caught.value.diagnostics[0].code == "box-name"


def test_only_the_very_link_is_taken_for_a_box() -> None:
    made = Control.open("web", ("true",), {})
    assert made is not None
    links = [os.readlink(f"/proc/self/fd/{each}") for each in os.listdir("/proc/self/fd") if _is_open(each)]
    made.close()
    assert [shown_name(each) for each in links if shown_name(each) is not None] == ["web"]
    for wrong in ("/tmp/selbox-0123456789abcdef/web.selbox", "/tmp/web.selbox (deleted)", "socket:[12]", ""):
        assert shown_name(wrong) is None


def is_served(box: Running) -> bool:
    with box.client() as client:
        return client.ask("status", STATUS)["enforcing"] is True


def _is_open(number: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{number}")


def connected(box: Running) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(PATIENCE)
    client.connect(f"/proc/{box.box.pid}/fd/{box.box.descriptor}")
    return client


INTRUDER = r"""
import ctypes, errno, json, os, socket, sys

libc = ctypes.CDLL(None, use_errno=True)

def attempt(act):
    try:
        act()
    except OSError as error:
        return "denied" if error.errno in (errno.EACCES, errno.EPERM) else os.strerror(error.errno)
    return "done"

def connect(path, kind=socket.SOCK_STREAM):
    def act():
        with socket.socket(socket.AF_UNIX, kind) as made:
            made.connect(path)
    return act

def within(directory, path):
    def act():
        os.chdir(directory)
        try:
            connect(path)()
        finally:
            os.chdir("/")
    return act

def take(pid, number):
    def act():
        descriptor = os.pidfd_open(pid)
        if libc.syscall(438, descriptor, int(number), 0) < 0:
            raise OSError(ctypes.get_errno(), "")
    return act

def link(path):
    def act():
        if libc.linkat(-100, path.encode(), -100, b"/run/selbox-link", 0x400) < 0:
            raise OSError(ctypes.get_errno(), "")
    return act

def tries(pid):
    place = f"/proc/{pid}/fd"
    links = {}
    for each in os.listdir(place):
        try:
            links[each] = os.readlink(f"{place}/{each}")
        except OSError:
            pass
    numbers = [each for each, link in links.items() if link.endswith(".selbox (deleted)")]
    sockets = [each for each, link in links.items() if link.startswith("socket:")]
    done = {"found": bool(numbers)}
    for number in numbers:
        path = f"{place}/{number}"
        opened = os.open(place, os.O_RDONLY)
        task = f"/proc/{pid}/task/{pid}/fd/{number}"
        done |= {
            "connect": attempt(connect(path)),
            "task": attempt(connect(task)),
            "relative": attempt(within(place, number)),
            "directory": attempt(connect(f"/proc/self/fd/{opened}/{number}")),
            "datagram": attempt(connect(path, socket.SOCK_DGRAM)),
            "send": attempt(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"x", path)),
            "open": attempt(lambda: os.open(path, os.O_PATH)),
            "link": attempt(link(path)),
            "chmod": attempt(lambda: os.chmod(path, 0)),
            "chown": attempt(lambda: os.chown(path, 1, 1)),
            "label": attempt(lambda: os.setxattr(path, "security.selinux", b"system_u:object_r:bowl_t:s0")),
            "truncate": attempt(lambda: os.truncate(path, 0)),
            "take": attempt(take(pid, number)),
        }
        done |= {f"take {each}": attempt(take(pid, each)) for each in sockets}
    return done

own = os.getppid()
print(json.dumps({"own": tries(own), "other": tries(int(sys.argv[1]))}))
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("box")
    with start(directory, WAIT) as box:
        until_up(box)
        yield box
