"""Boxes where others start them: containers with few rights, managers of services, jobs without terminal or home."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from selbox.enforce.shortfalls import shortfalls
from tests.enforce.boxes import Box, environment
from tests.enforce.clients import PYTHON, make_box, needs, needs_python
from tests.patience import PATIENCE

pytestmark = pytest.mark.enforcement
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what is needed")

DOCKER = """
import ctypes, errno, os, struct, sys
from selbox.enforce.seccomp.bpf import *
# What Docker's default profile refuses to a container that has no capability of its own; and every call above 449.
refused = {*(103, 134, 153, 155, 156, 161, 163, 164, 165, 166, 167, 168, 169, 170, 171, 172, 173, 174, 175, 176, 177),
    *(178, 179, 180, 212, 227, 236, 237, 238, 239, 246, 248, 249, 250, 256, 272, 279, 298, 300, 304, 305, 308, 312),
    *(313, 320, 321, 323, 425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 440, 442, 443)}
refused ^= {int(each) for each in sys.argv[1].split(",") if each}
program = [Instruction(LOAD_WORD, OFFSET_NUMBER), Instruction(JUMP_IF_EQUAL, 435, "unknown")]
program += [Instruction(JUMP_IF_EQUAL, call, "refused") for call in sorted(refused)]
program += [Instruction(JUMP_IF_EQUAL, call, "refused") for call in range(450, 480)]
program += [Instruction(RETURN, RETURN_ALLOW)]
program += [Label("unknown"), Instruction(RETURN, return_errno(errno.ENOSYS))]
program += [Label("refused"), Instruction(RETURN, return_errno(errno.EPERM))]
code = assemble(program)
libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(code, len(code))
header = struct.pack("=HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
if os.geteuid():
    libc.prctl(38, 1, 0, 0, 0)
assert libc.syscall(317, 1, 0, header) == 0, ctypes.get_errno()
os.execvp(sys.argv[2], sys.argv[2:])
"""
PIDFD_GETFD = "438"
PROCESS_VM_WRITEV = "311"
"""What Docker refuses also, before its version 23."""
NO_CAPABILITIES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
SOME_CAPABILITIES = (
    "setpriv",
    "--bounding-set=-all,+chown,+dac_override,+fsetid,+fowner,+mknod,+net_raw,+setgid,+setuid,+kill,+sys_chroot",
    "--inh-caps=-all",
)

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type yard_t) (call file_type (yard_t))
(type secret_food_t) (call file_type (secret_food_t))
(call manage_files (cat_t yard_t))
(call run_files (cat_t yard_t))
(allow cat_t yard_t (sock_file (all)))
(allow cat_t self (unix_stream_socket (all)))
(allow cat_t self (unix_dgram_socket (all)))
"""

SOCKETS = """
import os, socket
def tried(name, work):
    try:
        print(name, work())
    except OSError as error:
        print(name, error.strerror)
def stream():
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind("stream")
        server.listen()
        client.connect("stream")
        return server.accept()[0].getsockname()
def datagram():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            receiver.bind("datagram")
            sender.sendto(b"told", "datagram")
            return receiver.recv(9)
def passed():
    one, other = socket.socketpair()
    with open("food") as file:
        socket.send_fds(one, [b"x"], [file.fileno()])
    return os.read(socket.recv_fds(other, 1, 1)[1][0], 9)
for each in (stream, datagram, passed):
    tried(each.__name__, each)
"""


@pytest.fixture
def box(tmp_path_factory: pytest.TempPathFactory) -> Box:
    box = make_box(tmp_path_factory, POLICY, None)
    box.file("food", "chow")
    box.file("salt", "secret")
    return box


def words_of(box: Box, *command: str) -> list[str]:
    labels = ((box.directory, "yard_t"), (box.directory / "salt", "secret_food_t"))
    options = [f"--label={path}=system_u:object_r:{name}:s0" for path, name in labels]
    words = [*box.arguments("--domain", "cat_t", *options), *command]
    words.remove("--quiet")
    return words


def run_in_container(
    box: Box, rights: tuple[str, ...], lets: str, *command: str, user: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a box below a filter like Docker's, with the rights that a command leaves."""
    other = () if user is None else (f"--reuid={user}", f"--regid={user}", "--clear-groups")
    words = [sys.executable, "-c", DOCKER, lets, *rights, *other, *words_of(box, *command)]
    return subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        cwd=box.directory,
        env=environment() | {"XDG_CACHE_HOME": "/proc/nowhere"},
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE,
    )


# --- Containers -----------------------------------------------------------------------------------------------------


@needs_root
@needs("setpriv", "id")
@pytest.mark.parametrize("user", [None, 1001])
def test_a_box_in_a_container_without_any_capability(box: Box, user: int | None) -> None:
    script = "cat food salt; mkdir d && ls -d d; id -Z; sh -c 'kill -0 $PPID' && echo signalled"
    result = run_in_container(box, NO_CAPABILITIES, "", "/bin/sh", "-c", script, user=user)
    lines = ["chowd", "system_u:system_r:cat_t:s0", "signalled"]
    assert result.stdout.splitlines() == lines, result.stderr
    assert "cat: salt: Permission denied" in result.stderr
    assert "no socket can be bound or connected here" in result.stderr
    assert ("programs that become another user fail here" in result.stderr) == (user is None)


@needs_root
@needs_python
@needs("setpriv")
def test_sockets_fail_closed_where_descriptors_cannot_be_copied(box: Box) -> None:
    result = run_in_container(box, NO_CAPABILITIES, "", str(PYTHON), "-I", "-c", SOCKETS)
    refused = "Operation not permitted"
    assert result.stdout.splitlines() == [f"stream {refused}", f"datagram {refused}", f"passed {refused}"]


@needs_root
@needs_python
@needs("setpriv")
@pytest.mark.parametrize("rights", [NO_CAPABILITIES, SOME_CAPABILITIES], ids=["none", "Docker's"])
def test_sockets_work_where_descriptors_can_be_copied(box: Box, rights: tuple[str, ...]) -> None:
    # `unshare` is refused still, and so is telling receivers that somebody else sent a message.
    result = run_in_container(box, rights, PIDFD_GETFD, str(PYTHON), "-I", "-c", SOCKETS)
    assert result.stdout.splitlines() == ["stream stream", "datagram b'told'", "passed b'chow'"], result.stderr
    assert "no socket can be bound" not in result.stderr


@needs_root
@needs("setpriv")
def test_nothing_starts_where_programs_could_not_be_answered(box: Box) -> None:
    result = run_in_container(box, SOME_CAPABILITIES, PROCESS_VM_WRITEV, "/bin/true")
    assert result.returncode == 1
    assert "process_vm_writev" in result.stderr
    assert "--cap-add SYS_PTRACE" in result.stderr


def test_nothing_is_said_where_nothing_is_lost(box: Box) -> None:
    if shortfalls():
        pytest.skip("something is lost here")
    result = subprocess.run(
        words_of(box, "/bin/true"), capture_output=True, text=True, check=False, cwd=box.directory, env=environment()
    )
    assert (result.returncode, result.stderr) == (0, "")


@needs_root
@needs_python
@needs("unshare")
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_socket_of_another_network_is_reached_by_its_file(box: Box, kind: socket.SocketKind) -> None:
    """As those that are mounted into a container, or the manager's of a service with a network of its own."""
    box.policy.write_text(
        POLICY
        + "(allow cat_t domain (unix_dgram_socket (sendto)))(allow cat_t domain (unix_stream_socket (connectto)))"
    )
    script = f"""
import socket
for kind in {int(kind)}, {int(socket.SOCK_STREAM + socket.SOCK_DGRAM - kind)}:
    for name in "there", "gone":
        with socket.socket(socket.AF_UNIX, kind) as made:
            print(made.connect_ex(name))
"""
    with socket.socket(socket.AF_UNIX, kind) as there, socket.socket(socket.AF_UNIX, kind) as gone:
        for each, name in ((there, "there"), (gone, "gone")):
            each.bind(str(box.directory / name))
            (box.directory / name).chmod(0o777)
            if kind == socket.SOCK_STREAM:
                each.listen()
        gone.close()
        words = ["unshare", "-n", *words_of(box, str(PYTHON), "-I", "-c", script)]
        result = subprocess.run(
            words, capture_output=True, text=True, check=False, cwd=box.directory, env=environment(), timeout=PATIENCE
        )
    assert result.stdout.split() == ["0", "111", "91", "111"], result.stderr


# --- Managers of services -------------------------------------------------------------------------------------------

SERVICE = """
import os, signal, socket, sys, time
def ready():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.sendto(f"READY=1\\nMAINPID={os.getpid()}".encode(), os.environ["NOTIFY_SOCKET"])
def reload(*_):
    os.write(1, b"reloaded\\n")
def stop(*_):
    os.write(1, b"stopped\\n")
    os._exit(7)
signal.signal(signal.SIGHUP, reload)
signal.signal(signal.SIGTERM, stop)
print("stdin", sys.stdin.read() == "", os.isatty(0), flush=True)
ready()
while True:
    time.sleep(9)
"""


@needs_python
def test_a_service_tells_its_manager_that_it_is_ready_and_is_stopped_by_it(box: Box) -> None:
    """As systemd starts one: input from /dev/null, output to a socket, a session of its own, no terminal."""
    policy = POLICY + "(allow cat_t domain (unix_dgram_socket (sendto)))(allow cat_t file_type (sock_file (write)))"
    box.policy.write_text(policy)
    journal, theirs = socket.socketpair()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        name = box.directory / "notify"
        manager.bind(str(name))
        name.chmod(0o777)
        manager.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        manager.settimeout(PATIENCE)
        journal.settimeout(PATIENCE)
        service = subprocess.Popen(
            words_of(box, str(PYTHON), "-I", "-c", SERVICE),
            stdin=subprocess.DEVNULL,
            stdout=theirs.fileno(),
            stderr=theirs.fileno(),
            cwd=box.directory,
            env=environment() | {"NOTIFY_SOCKET": str(name)},
            start_new_session=True,
        )
        theirs.close()
        with journal, journal.makefile() as lines:
            message, control, _, _ = manager.recvmsg(99, socket.CMSG_SPACE(12))
            sender = int.from_bytes(control[0][2][:4], sys.byteorder)
            assert message.startswith(b"READY=1\nMAINPID=")
            main = int(message.rpartition(b"=")[2])
            # Root's supervisor tells whose message it is; another's is the sender itself: a unit's NotifyAccess is
            # `all` for the one, `main` is enough for the other.
            assert sender in (main, service.pid)
            assert lines.readline() == "stdin True False\n"
            service.send_signal(signal.SIGHUP)
            assert lines.readline() == "reloaded\n"
            service.send_signal(signal.SIGTERM)
            assert lines.readline() == "stopped\n"
            assert service.wait(PATIENCE) == 7
            assert lines.read() == ""


# --- Jobs -----------------------------------------------------------------------------------------------------------


@needs_root
@needs("setpriv")
def test_a_job_without_terminal_home_or_cache(box: Box) -> None:
    closed = box.directory / "home"
    closed.mkdir(mode=0o555)
    words = words_of(box, "/bin/sh", "-c", "cat food salt; exit 3")
    who = ("setpriv", "--reuid=1001", "--regid=1001", "--clear-groups", "--bounding-set=-all", "--no-new-privs")
    variables = {"HOME": str(closed), "XDG_CACHE_HOME": str(closed / "cache"), "XDG_RUNTIME_DIR": "", "CI": "true"}
    result = subprocess.run(
        [*who, *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=box.directory,
        env=environment() | variables,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert (result.returncode, result.stdout) == (3, "chow"), result.stderr
    assert "cat: salt: Permission denied" in result.stderr
