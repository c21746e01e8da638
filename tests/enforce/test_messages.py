"""Messages of sockets in a box: whom a datagram may be sent to, and which open files may come along."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.enforce.boxes import environment
from tests.enforce.clients import USERS
from tests.enforce.meetings import CAT, CONNECTS, DOG, FREE, LABEL, PRELUDE, REACHABLE, meet

pytestmark = pytest.mark.enforcement

MESSAGES = """
import array, ctypes
def idle():
    "Have a second thread, with which descriptors are shared."
    threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
def fds(ancillary):
    found = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (SOL_SOCKET, SCM_RIGHTS): found.frombytes(data[:len(data) & ~3])
    return list(found)
def rights(*numbers): return [(SOL_SOCKET, SCM_RIGHTS, array.array("i", numbers))]
"""
ALONE = [pytest.param("", id="one thread"), pytest.param("idle()\n", id="several threads")]
WAYS = [
    pytest.param("made.sendto(b'wuff', {})", id="sendto"),
    pytest.param("made.sendmsg([b'wu', b'ff'], [], 0, {})", id="sendmsg"),
]


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("threads", ALONE)
def test_a_datagram_to_an_address_asks_sendto(directory: Path, user: int | None, way: str, threads: str) -> None:
    hidden = r"chr(0) + 'bowl' + str(os.stat('cat').st_ino)"
    cat = f"bowls = [server(name, SOCK_DGRAM) for name in ('bowl', {hidden})]\ndog().wait()\n"
    cat += "[bowl.setblocking(False) for bowl in bowls]\n"
    cat += "say([trying(lambda: bowl.recvfrom(9)) for bowl in bowls])"
    dog = MESSAGES + threads + "made = socket(AF_UNIX, SOCK_DGRAM); made.bind(chr(0) + 'dog' + str(os.getpid()))\n"
    dog += f"for name in 'bowl', {hidden}, chr(0) + 'nobody', 'cat', 'none': say(trying(lambda: {way.format('name')}))"
    outcome = meet(directory, cat, dog, REACHABLE, user)
    lines = outcome.output.splitlines()
    assert lines == ["EACCES", "EACCES", "ECONNREFUSED", "EACCES", "ENOENT", "['EAGAIN', 'EAGAIN']"], outcome.errors
    records = outcome.denied("unix_dgram_socket", "sendto")
    assert [(each.scontext, each.tcontext) for each in records] == [(DOG, CAT)] * 2
    assert records[0].field("path") == str(directory / "bowl")
    for each in directory.glob("bowl"):
        each.unlink()
    outcome = meet(directory, cat, dog, CONNECTS, user)
    lines = outcome.output.splitlines()
    assert lines[:3] == ["4", "4", "ECONNREFUSED"], outcome.errors
    assert lines[5].count("b'wuff', b'\\x00dog") == 2


def test_many_messages_at_once(directory: Path) -> None:
    cat = "bowl = server('bowl', SOCK_DGRAM)\ndog().wait()\nbowl.setblocking(False)\n"
    cat += "say([trying(lambda: bowl.recv(9)) for _ in range(4)])"
    dog = (
        MESSAGES
        + """
class Vector(ctypes.Structure): _fields_ = [("base", ctypes.c_char_p), ("size", ctypes.c_size_t)]
class Header(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("name_size", ctypes.c_uint), ("vectors", ctypes.POINTER(Vector)),
        ("count", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_size", ctypes.c_size_t),
        ("flags", ctypes.c_ulong), ("done", ctypes.c_ulong)]
def unix(name): return struct.pack("=H", AF_UNIX) + name.encode()
made = socket(AF_UNIX, SOCK_DGRAM)
def many(*names):
    headers = (Header * len(names))()
    for header, name in zip(headers, names):
        header.name, header.name_size, header.count = unix(name), len(name) + 2, 1
        header.vectors = ctypes.pointer(Vector(b"wuff", 4))
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.sendmmsg(made.fileno(), headers, len(names), 0)
    say(result if result >= 0 else errno.errorcode[ctypes.get_errno()], [header.done for header in headers])
many("bowl", "bowl"); many("bowl", "none", "bowl"); many("none", "bowl"); many()
"""
    )
    outcome = meet(directory, cat, dog, CONNECTS)
    assert outcome.output.splitlines() == [
        "2 [4, 4]",
        "1 [4, 0, 0]",
        "ENOENT [0, 0]",
        "0 []",
        "[b'wuff', b'wuff', b'wuff', 'EAGAIN']",
    ], outcome.errors
    (directory / "bowl").unlink()
    outcome = meet(directory, cat, dog, REACHABLE)
    assert outcome.output.splitlines()[0] == "EACCES [0, 0]", outcome.errors


@pytest.mark.parametrize("threads", ALONE)
def test_a_datagram_waits_for_room(directory: Path, threads: str) -> None:
    cat = (
        MESSAGES
        + threads
        + r"""
names = "bowl", chr(0) + "bowl" + str(os.stat("cat").st_ino)
for name in names:
    bowl = server(name, SOCK_DGRAM)
    made = socket(AF_UNIX, SOCK_DGRAM)
    made.setblocking(False)
    sent = 0
    try:
        while True:
            made.sendto(b"%d" % sent, name)
            sent += 1
    except BlockingIOError: pass
    made.setblocking(True)
    def read():
        time.sleep(0.2)
        say([bowl.recv(9) for _ in range(sent + 1)] == [b"%d" % each for each in range(sent)] + [b"last"])
    reader = threading.Thread(target=read)
    reader.start()
    made.sendto(b"last", name)
    reader.join()
"""
    )
    outcome = meet(directory, cat)
    assert outcome.output.split() == ["True"] * 2, outcome.errors


IDENTITY = "(allow dog_t flap_t (sock_file (setattr))) (allow dog_t self (capability (setuid setgid fowner)))"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another, and tells another's pid")
def test_a_receiver_is_told_the_true_sender(directory: Path) -> None:
    cat = (
        MESSAGES
        + """
bowl = server("bowl", SOCK_DGRAM)
bowl.setsockopt(SOL_SOCKET, SO_PASSCRED, 1)
guest = dog()
data, ancillary, flags, _ = bowl.recvmsg(9, 99)
say(data, [struct.unpack("=3i", data) == (guest.pid, 65534, 1234) for _, _, data in ancillary], flags)
data, ancillary, flags, _ = bowl.recvmsg(9, 99)
say(data, [struct.unpack("=3i", data) == (guest.pid, 65534, 1234) for _, _, data in ancillary], flags)
guest.wait()
"""
    )
    dog = (
        MESSAGES
        + """
os.chmod("bowl", 0o777)
os.setgroups([]); os.setresgid(1234, 1234, 1234); os.setresuid(65534, 65534, 65534)
made = socket(AF_UNIX, SOCK_DGRAM)
made.sendto(b"one", "bowl")
made.sendmsg([b"two"], [(SOL_SOCKET, SCM_CREDENTIALS, struct.pack("=3i", os.getpid(), 65534, 1234))], 0, "bowl")
for told in (1, 65534, 1234), (os.getpid(), 0, 1234), (os.getpid(), 65534, 0):
    say(trying(made.sendmsg, [b"x"], [(SOL_SOCKET, SCM_CREDENTIALS, struct.pack("=3i", *told))], 0, "bowl"))
"""
    )
    outcome = meet(directory, cat, dog, CONNECTS + IDENTITY)
    assert sorted(outcome.output.splitlines()) == [
        *["EPERM"] * 3,
        "b'one' [True] 0",
        "b'two' [True] 0",
    ], outcome.errors


BONES = "(type bone_t) (call file_type (bone_t)) (call read_files (dog_t bone_t))"
PASSING = BONES + "(allow cat_t dog_t (fd (use))) (allow cat_t dog_t (fifo_file (read write)))"
FROM_DOG = (
    MESSAGES
    + """
ours, theirs = socketpair()
theirs.set_inheritable(True)
guest = subprocess.Popen([os.path.abspath("dog"), str(theirs.fileno())], close_fds=False)
theirs.close()
"""
)
TO_CAT = (
    MESSAGES
    + """
channel = socket(fileno=int(sys.argv[1]))
def passing(*files): channel.sendmsg([b"x"], rights(*files))
"""
)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("threads", ALONE)
def test_a_file_that_is_passed_asks_its_receiver(directory: Path, user: int | None, threads: str) -> None:
    cat = (
        FROM_DOG
        + threads
        + """
for wanted in 0, MSG_CMSG_CLOEXEC, 0, 0:
    data, ancillary, flags, _ = ours.recvmsg(9, 99, wanted)
    flags &= ~wanted
    say(data, flags, [os.readlink(f"/proc/self/fd/{each}").rpartition("/")[2].partition(":")[0]
                      for each in fds(ancillary)], [os.get_inheritable(each) for each in fds(ancillary)])
"""
    )
    dog = (
        TO_CAT
        + threads
        + """
food, bone = os.open("cat", os.O_RDONLY), os.open("bone", os.O_RDONLY)
passing(food)
passing(food, bone, food)
passing(bone)
passing(os.pipe()[0])
"""
    )
    (directory / "bone").touch()
    (directory / "bone").chmod(0o666)
    labelled = (f"--label={directory}/bone={LABEL.format('bone_t')}",)
    outcome = meet(directory, cat, dog, PASSING, user, labelled)
    assert outcome.output.splitlines() == [
        "b'x' 0 ['cat'] [True]",
        "b'x' 8 ['cat'] [False]",
        "b'x' 8 [] []",
        "b'x' 0 ['pipe'] [True]",
    ], outcome.errors
    records = outcome.denied("file", "read")
    assert [(each.scontext, each.tcontext) for each in records] == [(CAT, LABEL.format("bone_t"))] * 2
    assert records[0].field("path") == str(directory / "bone")
    outcome = meet(directory, cat, dog, PASSING.replace("(allow cat_t dog_t (fd (use)))", ""), user, labelled)
    assert outcome.output.splitlines() == ["b'x' 8 [] []"] * 4, outcome.errors
    assert {(each.scontext, each.tcontext) for each in outcome.denied("fd", "use")} == {(CAT, DOG)}
    outcome = meet(directory, cat, dog, BONES, user, (*labelled, "--permissive"))
    assert [line.split()[1] for line in outcome.output.splitlines()] == ["0"] * 4, outcome.errors
    assert all(each.permissive for each in outcome.records)


def test_a_socket_that_is_passed_keeps_its_label(directory: Path) -> None:
    cat = (
        FROM_DOG
        + """
_, ancillary, _, _ = ours.recvmsg(9, 99)
made = socket(fileno=fds(ancillary)[0])
say(trying(made.listen))
"""
    )
    dog = TO_CAT + "made = socket(AF_UNIX); made.bind(chr(0) + str(os.getpid())); passing(made.fileno())"
    policy = PASSING + "(allow cat_t dog_t (unix_stream_socket (read write getattr getopt)))"
    outcome = meet(directory, cat, dog, policy)
    assert outcome.output.split() == ["EACCES"], outcome.errors
    (record,) = outcome.denied("unix_stream_socket", "listen")
    assert (record.scontext, record.tcontext) == (CAT, DOG)


@pytest.mark.parametrize("threads", ALONE)
def test_receiving_waits_and_is_woken(directory: Path, threads: str) -> None:
    cat = (
        MESSAGES
        + threads
        + """
first, second = socketpair()
threading.Timer(0.2, lambda: second.sendmsg([b"late"])).start()
say(first.recvmsg(9)[0])
signal.signal(signal.SIGALRM, lambda *_: 1 / 0)
try:
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    first.recvmsg(9)
except ZeroDivisionError: say("woken")
first.setsockopt(SOL_SOCKET, SO_RCVTIMEO, struct.pack("=qq", 0, 100_000))
say(trying(first.recvmsg, 9))
first.setsockopt(SOL_SOCKET, SO_RCVTIMEO, bytes(16))
def slowly():
    for part in b"one", b"two", b"three":
        time.sleep(0.1); second.send(part)
threading.Thread(target=slowly).start()
say(first.recvmsg(11, 0, MSG_WAITALL)[0])
second.send(b"peek"); say(first.recvmsg(9, 0, MSG_PEEK)[0], first.recvmsg(9)[0])
threading.Timer(0.1, second.close).start()
say(first.recvmsg(9)[0], trying(first.sendmsg, [b"x"]))
"""
    )
    outcome = meet(directory, cat)
    assert outcome.output.splitlines() == [
        "b'late'",
        "woken",
        "EAGAIN",
        "b'onetwothree'",
        "b'peek' b'peek'",
        "b'' EPIPE",
    ], outcome.errors


@pytest.mark.parametrize("threads", ALONE)
def test_large_messages_and_broken_pipes(directory: Path, threads: str) -> None:
    cat = (
        MESSAGES
        + threads
        + """
size = 9_000_000
for first, second in socketpair(), socketpair(AF_UNIX, SOCK_SEQPACKET):
    got = bytearray()
    def drain():
        while part := second.recv(1 << 20): got.extend(part)
    reader = threading.Thread(target=drain); reader.start()
    sent = trying(first.sendmsg, [os.urandom(100), bytes(size), b"end"])
    first.close(); reader.join()
    say(sent, sent == len(got), bytes(got[-3:]))
child = os.fork()
if child == 0:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    idle()
    first, second = socketpair(); second.close()
    first.sendmsg([b"x"])
say(os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGPIPE)
child = os.fork()
if child == 0:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    idle()
    first, second = socketpair(); second.close()
    say(trying(first.sendmsg, [b"x"], [], MSG_NOSIGNAL)); os._exit(0)
os.waitpid(child, 0)
"""
    )
    outcome = meet(directory, cat)
    assert outcome.output.splitlines() == [
        "9000103 True b'end'",
        "EMSGSIZE False b''",
        "True",
        "EPIPE",
    ], outcome.errors


def test_the_context_of_a_sender_comes_along(directory: Path) -> None:
    cat = (
        FROM_DOG
        + """
ours.setsockopt(SOL_SOCKET, 34, 1)
_, ancillary, flags, _ = ours.recvmsg(9, 200)
say(flags, [(kind, data) for _, kind, data in ancillary])
guest.communicate()
_, ancillary, flags, _ = ours.recvmsg(9, 20)
say(flags, ancillary)
"""
    )
    outcome = meet(directory, cat, TO_CAT + "channel.send(b'x'); channel.send(b'y')")
    first, second = outcome.output.splitlines()
    # A pair is of who made it, wherever its ends are.
    assert first == f"0 [(3, b'{CAT}\\x00')]", outcome.errors
    assert second in ("8 []", "0 []")


ERRNOS = """
os.chdir(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
def told(result): return result if result >= 0 else errno.errorcode[ctypes.get_errno()]
def header(name=0, name_size=0, vectors=0, count=0, control=0, control_size=0, flags=0):
    packed = struct.pack("=QI4xQQQQI4x", name, name_size, vectors, count, control, control_size, flags)
    return ctypes.create_string_buffer(packed)
buffer = ctypes.create_string_buffer(b"wuff", 64)
here = ctypes.addressof(buffer)
def vectors(*parts):
    packed = ctypes.create_string_buffer(b"".join(struct.pack("=QQ", *part) for part in parts))
    keep.append(packed)
    return ctypes.addressof(packed)
keep = []
def unix(name): return struct.pack("=H", AF_UNIX) + name
def place(data):
    keep.append(ctypes.create_string_buffer(data, len(data) + 1))
    return ctypes.addressof(keep[-1])
bowl = server("bowl", SOCK_DGRAM)
flap = server("flap")
address = place(unix(b"bowl\\0"))
good = dict(vectors=vectors((here, 4)), count=1)
path = dict(name=address, name_size=7)
udp = socket(AF_INET, SOCK_DGRAM); udp.bind(("127.0.0.1", 0))
to_udp = place(struct.pack("=H", AF_INET) + udp.getsockname()[1].to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8))
def scm(kind, data, size=None):
    return struct.pack("=Qii", 16 + len(data) if size is None else size, SOL_SOCKET, kind) + data
def control(data): return dict(control=place(data), control_size=len(data))
messages = [
    {}, good, dict(good, **path), dict(vectors=1, count=1, **path), dict(vectors=0, count=5000, **path),
    dict(vectors=vectors((1, 4)), count=1, **path), dict(vectors=vectors((here, 1 << 63)), count=1, **path),
    dict(good, name=1, name_size=7), dict(good, name=address, name_size=1 << 31),
    dict(good, name=address, name_size=2),
    dict(good, name=address, name_size=1), dict(good, name=address, name_size=500),
    dict(good, name=to_udp, name_size=16),
    dict(good, **path, control=1, control_size=99), dict(good, **path, **control(scm(1, b""))),
    dict(good, **path, **control(scm(1, struct.pack("=i", 999)))),
    dict(good, **path, **control(scm(1, struct.pack("=i", 0)))),
    dict(good, **path, **control(scm(1, b"1234", 15))), dict(good, **path, **control(scm(1, b"1234", 21))),
    dict(good, **path, **control(scm(77, b"1234"))), dict(good, **path, **control(scm(2, b"1234"))),
    dict(good, **path, **control(b"1234")), dict(good, **path, control_size=1 << 40, control=here),
    dict(vectors=vectors((here, 0), (here, 1), (here + 1, 3)), count=3, **path), dict(count=0, **path),
    dict(good, name=place(unix(b"flap\\0")), name_size=7), dict(good, name=place(unix(b"none\\0")), name_size=7),
]
def sockets():
    yield "datagram", socket(AF_UNIX, SOCK_DGRAM)
    pair = socketpair(AF_UNIX, SOCK_DGRAM); keep.append(pair); yield "datagram pair", pair[0]
    pair = socketpair(); keep.append(pair); yield "stream pair", pair[0]
    pair = socketpair(AF_UNIX, SOCK_SEQPACKET); keep.append(pair); yield "packet pair", pair[0]
    yield "stream", socket(AF_UNIX)
    yield "udp", socket(AF_INET, SOCK_DGRAM)
    yield "tcp", socket()
    yield "file", os.open("plain", os.O_RDWR | os.O_CREAT)
    yield "none", 999
def number(made): return made if isinstance(made, int) else made.fileno()
def drain():
    for made in bowl, udp:
        made.setblocking(False)
        try:
            while True: made.recv(99)
        except BlockingIOError: pass
for place_, message in enumerate(messages):
    for name, made in sockets():
        if (place_, name) == (5, "udp"): continue # whether data can be read is asked before whom they are for
        say("sendmsg", place_, name, told(libc.sendmsg(number(made), header(**message), MSG_NOSIGNAL)))
    drain()
for name, made in sockets():
    say("sendmsg", name, told(libc.sendmsg(number(made), ctypes.c_void_p(1), MSG_NOSIGNAL)))
    for target, size in ((address, 7), (1, 7), (address, -1), (address, 129), (address, 0), (to_udp, 16)):
        whom = ctypes.c_void_p(target), size
        say("sendto", name, size, told(libc.sendto(number(made), buffer, 4, MSG_NOSIGNAL, *whom)))
    whom = ctypes.c_void_p(address), 7
    if name != "udp": say("sendto", name, told(libc.sendto(number(made), ctypes.c_void_p(1), 4, MSG_NOSIGNAL, *whom)))
drain()
room = ctypes.create_string_buffer(200); area = ctypes.addressof(room)
receiving = [
    {}, dict(vectors=vectors((area, 2)), count=1), dict(vectors=vectors((area, 2), (area + 2, 60)), count=2),
    dict(vectors=vectors((area, 60)), count=1, name=area + 64, name_size=64),
    dict(vectors=1, count=1), dict(vectors=0, count=5000),
    dict(vectors=vectors((area, 60)), count=1, name=area + 64, name_size=3),
    dict(vectors=vectors((area, 1 << 63)), count=1),
    dict(vectors=vectors((area, 60)), count=1, control=area + 128, control_size=64),
    dict(name=1, name_size=1 << 31),
    dict(vectors=vectors((area, 60)), count=1, control=area + 128, control_size=8),
    dict(count=0, name=area, name_size=20),
]
def filled():
    for kind in SOCK_DGRAM, SOCK_STREAM, SOCK_SEQPACKET:
        pair = socketpair(AF_UNIX, kind); keep.append(pair)
        pair[0].bind(chr(0) + "x" + str(os.getpid()) + str(len(keep)).rjust(5, "0"))
        pair[0].sendmsg([b"wuffwuff"], [(SOL_SOCKET, SCM_RIGHTS, struct.pack("=ii", 0, 1))]); yield str(kind), pair[1]
    empty = socketpair(); keep.append(empty); yield "empty", empty[0]
    closed = socketpair(); closed[0].close(); yield "closed", closed[1]
    yield "unconnected", socket(AF_UNIX)
    yield "listening", flap
    made = socket(AF_INET, SOCK_DGRAM); keep.append(made)
    made.bind(("127.0.0.1", 0)); made.connect(made.getsockname()); made.send(b"wuffwuff")
    yield "udp", made
    yield "file", os.open("plain", os.O_RDWR | os.O_CREAT)
    yield "none", 999
opened = len(os.listdir("/proc/self/fd"))
for place_, message in enumerate(receiving):
    for name, made in filled():
        for flags in (MSG_DONTWAIT, MSG_DONTWAIT | MSG_TRUNC, MSG_DONTWAIT | MSG_PEEK, MSG_DONTWAIT | MSG_OOB):
            ctypes.memset(room, 0, 200)
            packed = header(**message)
            result = told(libc.recvmsg(number(made), packed, flags))
            after = struct.unpack("=QI4xQQQQI4x", packed.raw[:56])
            text = room.raw.replace(str(os.getpid()).encode(), b"PID")
            if name == "udp": text = text[:64].replace(made.getsockname()[1].to_bytes(2, "big"), b"PP")
            if not (isinstance(result, str) or text[128:160] == bytes(32)): text = text[:128] + b"control"
            size = after[1] if message.get("name") else 0
            say("recvmsg", place_, name, flags, result, size, after[5], after[6], text.rstrip(b"\\0"))
"""


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("threads", ALONE)
def test_every_answer_is_the_kernels_own(directory: Path, user: int | None, threads: str) -> None:
    (directory / "box").mkdir()
    inside, plain = directory / "box" / "inside", directory / "box" / "plain"
    for each in inside, plain:
        each.mkdir()
        each.chmod(0o777)
    script = MESSAGES + threads + ERRNOS
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
