"""Unix sockets in a box: who may name, connect and take connections, and what each end is told about the other."""

import os
import re
import socket
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.enforce.boxes import environment
from tests.enforce.clients import USERS
from tests.enforce.meetings import CAT, CONNECTS, DOG, FREE, LABEL, PRELUDE, REACHABLE, meet
from tests.patience import PATIENCE
from tests.strength import tries

pytestmark = pytest.mark.enforcement

NAMES = [
    pytest.param("'flap'", id="relative"),
    pytest.param("os.path.abspath('flap')", id="absolute"),
    pytest.param(r"'\0flap' + str(os.stat('cat').st_ino)", id="abstract"),
]
MEETING = """
name = {name}
flap = server(name)
guest = dog()
say(flap.getsockname() == (name.encode() if name[0] == chr(0) else name))
guest.wait()
"""


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("name", NAMES)
def test_connecting_needs_connectto(directory: Path, name: str, user: int | None) -> None:
    outcome = meet(directory, MEETING.format(name=name), f"say(connecting({name}))", REACHABLE, user)
    assert sorted(outcome.output.split()) == ["EACCES", "True"], outcome.errors
    (record,) = outcome.denied("unix_stream_socket", "connectto")
    assert (record.scontext, record.tcontext) == (DOG, CAT)
    expected = str(directory / "flap") if "0flap" not in name else f"\0flap{(directory / 'cat').stat().st_ino}"
    assert record.field("path") == expected


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("name", NAMES)
def test_both_ends_know_each_other(directory: Path, name: str, user: int | None) -> None:
    cat = f"""
name = {name}
flap = server(name)
guest = dog()
end, address = flap.accept()
say("address", repr(address) in ("''", "b''"), end.getsockname() == flap.getsockname())
say("client", credentials(end) == (guest.pid, os.geteuid(), os.getegid()), context(end))
pidfd, = struct.unpack("=i", end.getsockopt(SOL_SOCKET, 77, 4))
say("pidfd", f"Pid:\\t{{guest.pid}}\\n" in open(f"/proc/self/fdinfo/{{pidfd}}").read(), os.get_inheritable(pidfd))
end.send(b"meow")
guest.wait()
"""
    dog = f"""
name = {name}
client = socket(AF_UNIX)
client.connect(name)
say(client.recv(10).decode(), client.getpeername() == (name.encode() if name[0] == chr(0) else name))
say("server", credentials(client) == (os.getppid(), os.geteuid(), os.getegid()), context(client))
"""
    outcome = meet(directory, cat, dog, CONNECTS, user)
    assert outcome.output.splitlines() == [
        "address True True",
        f"client True {DOG}",
        "pidfd True False",
        "meow True",
        f"server True {CAT}",
    ], outcome.errors
    assert not outcome.denied("unix_stream_socket", "connectto")


def test_permissive_records_and_lets_go_on(directory: Path) -> None:
    outcome = meet(directory, MEETING.format(name="'flap'"), "say(connecting('flap'))", "", None, ("--permissive",))
    assert "ok" in outcome.output.split(), outcome.errors
    asked = [(each.tclass, each.permissions) for each in outcome.records if each.tclass != "process"]
    assert asked == [("sock_file", ("write",)), ("unix_stream_socket", ("connectto",))]
    assert all(each.permissive for each in outcome.records)


def test_a_socket_file_has_the_transitions_label_and_the_callers_mask(directory: Path) -> None:
    cat = "os.umask(0o027)\n" + MEETING.format(name="'flap'")
    outcome = meet(directory, cat, "say(connecting('flap'))")
    assert "EACCES" in outcome.output.split(), outcome.errors
    (record,) = outcome.denied("sock_file", "write")
    assert record.tcontext == LABEL.format("flap_t")
    assert stat.S_IMODE((directory / "flap").stat().st_mode) == 0o750


def test_a_socket_file_needs_a_directory_that_may_be_written(directory: Path) -> None:
    outcome = meet(directory, "dog().wait()", "say(trying(server, 'flap'), trying(server, 'cat'))")
    assert outcome.output.split() == ["EACCES", "EADDRINUSE"], outcome.errors
    assert outcome.denied("dir", "write")
    assert not (directory / "flap").exists()


def test_each_step_asks_its_permission(directory: Path) -> None:
    expected = {
        "getopt": "EACCES",
        "create": "EACCES EACCES EACCES EACCES",
        "create bind": "ok EACCES EACCES EACCES",
        "create bind listen": "ok ok EACCES EACCES",
        "create connect": "EACCES EACCES EACCES ENOENT",
    }
    policy = "(allow dog_t self (process (setsockcreate)))"
    for number, permissions in enumerate(expected):
        bird = f"bird{number}_t"
        policy += f"(type {bird}) (call file_type ({bird})) (roletype system_r {bird})"
        policy += f"(allow dog_t {bird} (unix_stream_socket ({permissions})))"
    policy += "(typetransition dog_t dog_t unix_stream_socket bird0_t)"
    steps = f"""
for number in range({len(expected)}):
    with open('/proc/self/attr/sockcreate', 'w') as attribute:
        attribute.write(f'system_u:system_r:bird{{number}}_t:s0' if number else '')
    made = trying(socket, AF_UNIX)
    if isinstance(made, str):
        say(made)
        continue
    say(trying(made.bind, chr(0) + 'bird' + str(os.getpid())), trying(made.listen), trying(made.accept),
        trying(made.connect, 'nowhere'))
    made.close()
"""
    outcome = meet(directory, "dog().wait()", steps, policy)
    assert outcome.output.splitlines() == list(expected.values()), outcome.errors
    assert [each.tcontext for each in outcome.records if each.tclass == "unix_stream_socket"] == [
        f"system_u:system_r:bird{number}_t:s0"
        for number, answers in enumerate(expected.values())
        for _ in range(answers.count("EACCES"))
    ]


def test_datagrams_ask_sendto(directory: Path) -> None:
    cat = "flap = server('flap', SOCK_DGRAM)\ndog().wait()"
    outcome = meet(directory, cat, "say(connecting('flap', SOCK_DGRAM), connecting('flap'))", REACHABLE)
    assert outcome.output.split() == ["EACCES", "EPROTOTYPE"], outcome.errors
    (record,) = outcome.denied("unix_dgram_socket", "sendto")
    assert (record.scontext, record.tcontext) == (DOG, CAT)
    (directory / "flap").unlink()
    dog = """
client = socket(AF_UNIX, SOCK_DGRAM)
say(trying(client.connect, 'flap'), trying(client.send, b'wuff'))
"""
    outcome = meet(directory, cat + "\nsay(flap.recv(9).decode())", dog, CONNECTS)
    assert outcome.output.split() == ["ok", "4", "wuff"], outcome.errors


def test_who_does_not_listen_is_no_matter_of_policy(directory: Path) -> None:
    cat = "made = socket(AF_UNIX)\nmade.bind('flap')\nold = socket(AF_UNIX)\nold.bind('old')\nold.close()\ndog().wait()"
    outcome = meet(directory, cat, "say(connecting('flap'), connecting('old'), connecting(chr(0) + 'none'))", REACHABLE)
    assert outcome.output.split() == ["ECONNREFUSED"] * 3, outcome.errors
    assert not outcome.denied("unix_stream_socket", "connectto")


@contextmanager
def outside(name: str) -> Iterator[socket.socket]:
    """A server that is not in any box."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        if not name.startswith("\0"):
            Path(name).chmod(0o777)
        server.listen()
        server.settimeout(PATIENCE)
        yield server


def test_a_server_outside_has_the_kernels_label(directory: Path) -> None:
    policy = "(allow cat_t yard_t (sock_file (write)))"
    names = f"'flap', chr(0) + 'out{os.getpid()}'"
    cat = f"for name in ({names}): say(connecting(name))"
    with outside(str(directory / "flap")), outside(f"\0out{os.getpid()}"):
        outcome = meet(directory, cat, "", policy)
        assert outcome.output.split() == ["EACCES", "EACCES"], outcome.errors
        targets = {each.tcontext for each in outcome.denied("unix_stream_socket", "connectto")}
        assert all(each.startswith("system_u:system_r:kernel_t:s0") for each in targets)
        policy += "(allow cat_t kernel_t (unix_stream_socket (connectto)))"
        assert meet(directory, cat, "", policy).output.split() == ["ok", "ok"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another")
def test_a_server_outside_is_told_the_true_user(directory: Path) -> None:
    policy = "(allow cat_t yard_t (sock_file (write))) (allow cat_t kernel_t (unix_stream_socket (connectto)))"
    policy += "(allow cat_t self (capability (setuid setgid)))"
    cat = """
os.setgroups([]); os.setresgid(1234, 1234, 1234); os.setresuid(65534, 65534, 65534)
client = socket(AF_UNIX)
client.connect("flap")
client.recv(1)
"""
    told: list[bytes] = []

    def serve(server: socket.socket) -> None:
        end, _ = server.accept()
        told.append(end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)[4:])
        end.close()

    with outside(str(directory / "flap")) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        outcome = meet(directory, cat, "", policy)
        thread.join()
    assert outcome.status == 0, outcome.errors
    assert told == [(65534).to_bytes(4, "little") + (1234).to_bytes(4, "little")]


def test_a_client_that_is_gone_is_known_while_it_is_the_only_one(directory: Path) -> None:
    cat = """
flap = server("flap")
first = dog(); first.wait()
end, _ = flap.accept()
say(credentials(end)[0] == first.pid, context(end))
second = dog(); second.wait()
end, _ = flap.accept()
say(credentials(end) == (0, os.geteuid(), os.getegid()), context(end))
"""
    outcome = meet(directory, cat, "say(connecting('flap'))", CONNECTS)
    assert outcome.output.splitlines() == ["ok", f"True {DOG}", "ok", f"True {DOG}"], outcome.errors


def test_the_peers_context_as_the_kernel_gives_it(directory: Path) -> None:
    cat = f"""
a, b = socketpair()
say(context(a))
say(trying(a.getsockopt, SOL_SOCKET, SO_PEERSEC, 5), len(a.getsockopt(SOL_SOCKET, SO_PEERSEC, {len(CAT) + 1})))
say(trying(socketpair(AF_UNIX, SOCK_DGRAM)[0].getsockopt, SOL_SOCKET, SO_PEERSEC, 256))
say(context(socket(AF_UNIX)))
"""
    outcome = meet(directory, cat)
    assert outcome.output.splitlines()[:3] == [CAT, f"ERANGE {len(CAT) + 1}", "ENOPROTOOPT"], outcome.errors
    assert "unlabeled_t" in outcome.output.splitlines()[3]


@pytest.mark.parametrize("name", NAMES)
def test_a_full_server_is_waited_for(directory: Path, name: str) -> None:
    cat = f"""
name = {name}
flap = server(name, backlog=0)
clients = []
def fill():
    while True:
        client = socket(AF_UNIX)
        client.setblocking(False)
        if trying(client.connect, name) != "ok":
            return
        clients.append(client)
fill()
def accept():
    time.sleep(0.3)
    say("accepting")
    for _ in range(len(clients) + 1):
        ends.append(flap.accept()[0])
ends = []
thread = threading.Thread(target=accept)
thread.start()
client = socket(AF_UNIX)
say(trying(client.connect, name))
thread.join()
say(client.getblocking(), credentials(ends[-1])[0] == os.getpid())
fill()
signal.signal(signal.SIGALRM, lambda *_: say("alarm") or 1 / 0)
try:
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    client = socket(AF_UNIX)
    client.connect(name)
except ZeroDivisionError:
    say("woken")
impatient = socket(AF_UNIX)
impatient.setsockopt(SOL_SOCKET, SO_SNDTIMEO, struct.pack("=qq", 0, 100_000))
say(trying(impatient.connect, name))
"""
    outcome = meet(directory, cat)
    assert outcome.output.splitlines() == ["accepting", "ok", "True True", "alarm", "woken", "EAGAIN"], outcome.errors


@pytest.mark.parametrize("user", USERS)
def test_no_race_reaches_a_server_that_is_denied(directory: Path, user: int | None) -> None:
    """Another thread exchanges the address between one that is allowed and one that is not, all the time."""
    cat = """
os.mkdir("own")
home = server("own/flap")
guest = dog()
forbidden = server("flap")
hidden = server(chr(0) + "flap" + str(os.stat("cat").st_ino))
say("ready")
guest.communicate("go")
for each in forbidden, hidden:
    each.setblocking(False)
    say(trying(each.accept))
"""
    dog = f"""
import ctypes
sys.stdin.read(1)
own = server(chr(0) + "kennel" + str(os.getpid()), backlog=4096)
def address(name): return (struct.pack("=H", AF_UNIX) + name.encode()).ljust(110, b"@")
hidden, kennel = chr(0) + "flap" + str(os.stat("cat").st_ino), own.getsockname().decode()
size = max(len(kennel), len(hidden)) + 2
choices = [address(each) for each in (kennel.ljust(size - 2, "@"), hidden.ljust(size - 2, "@"))]
for other in own, :
    other.close()
own = server(kennel.ljust(size - 2, "@"), backlog=4096)
choices.append(struct.pack("=H", AF_UNIX) + b"flap".ljust(108, b"\\0"))
memory = ctypes.create_string_buffer(choices[0], 110)
stop = False
def flip():
    while not stop:
        for each in choices:
            ctypes.memmove(memory, each, 110)
sys.setswitchinterval(1e-5)
thread = threading.Thread(target=flip)
thread.start()
libc = ctypes.CDLL(None, use_errno=True)
answers = {{}}
end = time.monotonic() + 60
while sum(answers.values()) < {tries(2000)} or (not {{0, "EACCES"}} <= set(answers) and time.monotonic() < end):
    client = socket(AF_UNIX)
    answer = libc.connect(client.fileno(), memory, size) and errno.errorcode[ctypes.get_errno()]
    answers[answer] = answers.get(answer, 0) + 1
    client.close()
    own.setblocking(False)
    trying(own.accept)
stop = True
thread.join()
say(sorted(map(str, answers)))
"""
    outcome = meet(directory, cat, dog, REACHABLE, user)
    lines = outcome.output.splitlines()
    assert "'0'" in lines[1], "it met the server that it may connect to, else the race was none"
    assert "'EACCES'" in lines[1]
    assert [lines[0], *lines[2:]] == ["ready", "EAGAIN", "EAGAIN"], outcome.errors


ERRNOS = """
os.chdir(sys.argv[1])
def raw(call, made, address, size=None):
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    number = made if isinstance(made, int) else made.fileno()
    size = len(address) if size is None else size
    result = getattr(libc, call)(number, address, size)
    say(call, size, "ok" if result == 0 else errno.errorcode[ctypes.get_errno()])
def unix(name): return struct.pack("=H", AF_UNIX) + name
stream, datagram = lambda: socket(AF_UNIX), lambda: socket(AF_UNIX, SOCK_DGRAM)
flap = server("flap"); bowl = server("bowl", SOCK_DGRAM)
os.mkdir("dir"); os.symlink("flap", "link"); os.symlink("loop", "loop"); open("plain", "w").close()
for call in "bind", "connect":
    for address in (b"", b"\\1", unix(b""), unix(b"x" * 109), unix(b"a/b/c\\0"), unix(b"plain/x\\0"), unix(b"dir\\0"),
                    unix(b"loop/x\\0"), unix(b"loop\\0"), unix(b"flap\\0"), unix(b"link\\0"), unix(b"plain\\0"),
                    unix(b"flap/\\0"), unix(b"new/\\0"), unix(b"\\0"), struct.pack("=H", AF_INET) + bytes(14),
                    struct.pack("=H", AF_UNSPEC) + bytes(14), unix(b"n" * 108), unix(b"/\\0"), unix(b"../" * 5)):
        raw(call, stream(), address)
        raw(call, datagram(), address)
    raw(call, 999, unix(b"flap")); raw(call, 1 << 31, unix(b"flap"))
    raw(call, os.open("plain", os.O_RDONLY), unix(b"flap"))
    raw(call, stream(), None, 10); raw(call, stream(), unix(b"flap"), -1); raw(call, stream(), unix(b"flap"), 129)
    raw(call, flap, unix(b"flap"))
made = stream(); made.bind("twice"); say(trying(made.bind, "again"), os.path.exists("again"))
client = stream(); client.connect("flap"); say(trying(client.connect, "flap"))
client = stream(); client.connect("link"); say(client.getpeername())
say(connecting("bowl"), connecting("flap", SOCK_DGRAM), connecting("flap", SOCK_SEQPACKET))
made = datagram(); made.connect("bowl"); made.send(b"x"); say(trying(made.connect, "flap"))
raw("connect", made, struct.pack("=H", AF_UNSPEC)); say(trying(made.send, b"x"))
made = stream(); made.bind(""); say(len(made.getsockname())); made.listen()
say(connecting(made.getsockname())); made.close()
for options in (SOCK_STREAM, 77), (99, 0), (SOCK_RAW, 0), (SOCK_RDM, 0):
    say(trying(lambda: socket(AF_UNIX, *options).type))
say(trying(stream().listen), trying(stream().accept), trying(datagram().listen))
"""
OTHER_FAMILIES = """
tcp = socket(AF_INET); tcp.bind(("127.0.0.1", 0)); tcp.listen()
client = socket(AF_INET); client.connect(tcp.getsockname()); say(client.getpeername() == tcp.getsockname())
slow = socket(AF_INET); slow.setblocking(False); say(trying(slow.connect, tcp.getsockname()))
say(trying(client.connect, tcp.getsockname()))
free = tcp.getsockname(); tcp.close()
say(trying(socket(AF_INET).connect, free), trying(socket(AF_INET).bind, ("192.0.2.1", 0)))
udp = socket(AF_INET, SOCK_DGRAM); udp.connect(("127.0.0.1", 9)); say(udp.getpeername())
raw("connect", udp, struct.pack("=H", AF_UNSPEC) + bytes(14)); say(trying(udp.getpeername))
link = socket(AF_NETLINK, SOCK_RAW, 0); link.bind((0, 0)); say(link.getsockname() == (os.getpid(), 0))
link = socket(AF_NETLINK, SOCK_RAW, 0); link.connect((0, 0)); say(link.getsockname()[0] != 0)
raw("bind", socket(AF_INET), unix(b"x" * 14)); raw("connect", socket(AF_INET), unix(b"flap" * 4))
say(credentials(udp))
say(trying(udp.getsockopt, SOL_SOCKET, SO_PEERSEC, 99))
"""


@pytest.mark.parametrize("user", USERS)
def test_every_answer_is_the_kernels_own(directory: Path, user: int | None) -> None:
    (directory / "box").mkdir()
    inside, plain = directory / "box" / "inside", directory / "box" / "plain"
    for each in inside, plain:
        each.mkdir()
        each.chmod(0o777)
    script = ERRNOS + OTHER_FAMILIES
    outcome = meet(directory / "box", f"sys.argv.append({str(inside)!r})\n{script}", "", FREE, user)
    without = directory / "box" / "script"
    without.write_text(PRELUDE + script)
    command = ["/usr/bin/python3", "-I", str(without), str(plain)]
    if user is not None:
        command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]
    expected = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert expected.stderr == ""
    assert outcome.output.splitlines() == expected.stdout.splitlines(), outcome.errors
    assert outcome.status == 0
    assert sorted(os.listdir(inside)) == sorted(os.listdir(plain))


def test_a_path_through_proc_self_is_the_programs_own(directory: Path) -> None:
    cat = """
os.mkdir("den"); os.chdir("den")
made = server("/proc/self/cwd/flap")
say(os.listdir("."), os.listdir(".."), made.getsockname(), connecting("flap"), connecting("/proc/self/cwd/flap"))
"""
    outcome = meet(directory, cat)
    assert re.fullmatch(r"\['flap'\] \[[^]]*\] flap ok ok\n", outcome.output), outcome.errors
    assert not (directory / "flap").exists()
