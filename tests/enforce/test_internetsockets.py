"""Network sockets in a box: making them, ports, nodes, connections, labels."""

import os
import socket
from pathlib import Path

import pytest

from tests.enforce.boxes import Box
from tests.enforce.clients import PYTHON, USERS, needs_python
from tests.enforce.meetings import CAT, DOG, meet

pytestmark = pytest.mark.enforcement

TYPES = """
(type web_port_t) (roletype object_r web_port_t)
(type db_port_t) (roletype object_r db_port_t)
(type here_node_t) (roletype object_r here_node_t)
(portcon tcp 8123 (system_u object_r web_port_t systemlow_range))
(portcon tcp (8140 8180) (system_u object_r web_port_t systemlow_range))
(portcon udp 8123 (system_u object_r web_port_t systemlow_range))
(portcon tcp (8200 8300) (system_u object_r db_port_t systemlow_range))
(portcon tcp 61234 (system_u object_r db_port_t systemlow_range))
(nodecon (127.0.0.1) (255.255.255.255) (system_u object_r here_node_t systemlow_range))
(nodecon (::1) (ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff) (system_u object_r here_node_t systemlow_range))
(levelrange systemlow_range (systemlow systemlow))
"""
SOCKETS = "(allow {} self ({} (create bind connect listen accept read write getattr setattr getopt setopt shutdown)))"
TCP = TYPES + SOCKETS.format("cat_t", "tcp_socket")
"""Sockets of its own, but no port and no node."""


def records(outcome: object) -> list[str]:
    """Return denials in short: permission, target's type, and what is said about the address."""
    found = []
    for each in outcome.records:  # type: ignore[attr-defined]
        if each.tclass.endswith("socket"):
            said = " ".join(f"{name}={value}" for name, value in each.fields)
            found.append(f"{each.tclass} {' '.join(each.permissions)} {each.tcontext.split(':')[2]} {said}".strip())
    return found


@pytest.mark.parametrize("user", USERS)
def test_making_a_socket_asks_create_of_its_class(directory: Path, user: int | None) -> None:
    cat = """
for family, kind, protocol in ((AF_INET, SOCK_STREAM, 0), (AF_INET6, SOCK_DGRAM, 0), (AF_INET, SOCK_DGRAM, 1),
                               (AF_NETLINK, SOCK_RAW, 0), (38, SOCK_SEQPACKET, 0), (40, SOCK_STREAM, 0),
                               (AF_INET, 99, 0), (99, SOCK_STREAM, 0), (AF_UNIX, SOCK_RDM, 0)):
    say(trying(lambda: socket(family, kind, protocol).close()))
"""
    outcome = meet(directory, cat, "", "", user)
    assert outcome.output.split() == [*["EACCES"] * 6, "EINVAL", "EAFNOSUPPORT", "EACCES"], outcome.errors
    assert [(each.tclass, each.permissions, each.scontext, each.tcontext) for each in outcome.records] == [
        (name, ("create",), CAT, CAT)
        for name in (
            *("tcp_socket", "udp_socket", "icmp_socket", "netlink_route_socket", "alg_socket", "vsock_socket"),
            "socket",
        )
    ]
    assert not any(each.fields for each in outcome.records)


@pytest.mark.parametrize("user", USERS)
def test_binding_asks_for_port_and_node(directory: Path, user: int | None) -> None:
    cat = """
def binding(host, port, family=AF_INET, kind=SOCK_STREAM):
    with socket(family, kind) as made:
        made.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        say(trying(made.bind, (host, port)))
binding("127.0.0.1", 8123)
binding("127.0.0.1", 0)
binding("127.0.0.1", 40123)
binding("::1", 8250, AF_INET6)
binding("0.0.0.0", 61234)
binding("::", 8123, AF_INET6)
"""
    outcome = meet(directory, cat, "", TCP, user)
    assert outcome.output.split() == ["EACCES"] * 6, outcome.errors
    assert records(outcome) == [
        "tcp_socket name_bind web_port_t src=8123",
        "tcp_socket node_bind here_node_t saddr=127.0.0.1",
        "tcp_socket node_bind here_node_t saddr=127.0.0.1 src=40123",
        "tcp_socket name_bind db_port_t src=8250",
        "tcp_socket name_bind db_port_t src=61234",
        "tcp_socket name_bind web_port_t src=8123",
    ]
    ports = "(allow cat_t web_port_t (tcp_socket (name_bind))) (allow cat_t db_port_t (tcp_socket (name_bind)))"
    outcome = meet(directory, cat, "", TCP + ports, user)
    assert outcome.output.split() == ["EACCES"] * 6, outcome.errors
    assert records(outcome) == [
        "tcp_socket node_bind here_node_t saddr=127.0.0.1 src=8123",
        "tcp_socket node_bind here_node_t saddr=127.0.0.1",
        "tcp_socket node_bind here_node_t saddr=127.0.0.1 src=40123",
        "tcp_socket node_bind here_node_t saddr=::1 src=8250",
        "tcp_socket node_bind node_t src=61234",
        "tcp_socket node_bind node_t src=8123",
    ]
    nodes = "(allow cat_t here_node_t (tcp_socket (node_bind))) (allow cat_t node_t (tcp_socket (node_bind)))"
    outcome = meet(directory, cat, "", TCP + ports + nodes, user)
    assert outcome.output.split() == ["ok"] * 6, outcome.errors
    assert not records(outcome)


def test_datagrams_have_ports_of_their_own_protocol(directory: Path) -> None:
    policy = TYPES + SOCKETS.format("cat_t", "udp_socket") + "(allow cat_t here_node_t (udp_socket (node_bind)))"
    cat = """
made = socket(AF_INET, SOCK_DGRAM)
say(trying(made.bind, ("127.0.0.1", 8123)), trying(made.bind, ("127.0.0.1", 8124)))
say(trying(made.connect, ("127.0.0.1", 8123)))
"""
    outcome = meet(directory, cat, "", policy)
    assert outcome.output.split() == ["EACCES", "EACCES", "ok"], outcome.errors
    assert records(outcome) == [
        "udp_socket name_bind web_port_t src=8123",
        "udp_socket name_bind port_t src=8124",
    ]


@pytest.mark.parametrize("user", USERS)
def test_connecting_asks_for_the_port(directory: Path, user: int | None) -> None:
    with socket.socket() as server, socket.socket(socket.AF_INET6) as other:
        server.bind(("127.0.0.1", 0))
        other.bind(("::1", 0))
        for each in server, other:
            each.listen()
        ports = server.getsockname()[1], other.getsockname()[1]
        cat = f"""
client, second, third = socket(AF_INET), socket(AF_INET6), socket(AF_INET)
third.setblocking(False)
say(trying(client.connect, ("127.0.0.1", {ports[0]})), trying(second.connect, ("::1", {ports[1]})),
    trying(third.connect, ("127.0.0.1", {ports[0]})))
"""
        outcome = meet(directory, cat, "", TCP, user)
        assert outcome.output.split() == ["EACCES"] * 3, outcome.errors
        assert records(outcome) == [f"tcp_socket name_connect port_t dest={ports[n]}" for n in (0, 1, 0)]
        outcome = meet(directory, cat, "", TCP + "(allow cat_t port_t (tcp_socket (name_connect)))", user)
        assert outcome.output.split() == ["ok", "ok", "EINPROGRESS"], outcome.errors
        outcome = meet(directory, cat, "", TCP, user, ("--permissive",))
        assert outcome.output.split() == ["ok", "ok", "EINPROGRESS"], outcome.errors
        assert records(outcome) == [f"tcp_socket name_connect port_t dest={ports[0]}"], "it is told once"


def test_dontaudit_is_silent(directory: Path) -> None:
    cat = "say(trying(socket(AF_INET).connect, ('127.0.0.1', 8123)))"
    outcome = meet(directory, cat, "", TCP + "(dontaudit cat_t web_port_t (tcp_socket (name_connect)))")
    assert outcome.output.split() == ["EACCES"], outcome.errors
    assert not records(outcome)


def test_each_step_asks_its_permission_and_tells_the_address(directory: Path) -> None:
    policy = TYPES + "(allow cat_t here_node_t (tcp_socket (node_bind))) (allow cat_t self (tcp_socket ({})))"
    cat = """
made = socket()
say(trying(made.bind, ("127.0.0.1", 0)), trying(made.listen), trying(made.accept),
    trying(made.connect, ("127.0.0.1", 1)))
say(made.getsockname()[1])
"""
    expected = {
        "create": ("EACCES EACCES EACCES EACCES", ["bind", "listen", "accept", "connect"]),
        "create bind": ("ok EACCES EACCES EACCES", ["listen", "accept", "connect"]),
        "create bind listen": ("ok ok EACCES EACCES", ["accept", "connect"]),
    }
    for permissions, (answers, asked) in expected.items():
        outcome = meet(directory, cat, "", policy.format(permissions + " getattr"))
        said, port = outcome.output.splitlines()
        assert said == answers, outcome.errors
        bound = f" laddr=127.0.0.1 lport={port}" if "bind" in permissions else ""
        assert records(outcome) == [f"tcp_socket {each} cat_t{bound}" for each in asked]


LABELLED = """
(type bone_t) (roletype system_r bone_t)
(typetransition cat_t cat_t tcp_socket bone_t)
"""


def test_a_new_socket_has_the_transitions_label(directory: Path) -> None:
    policy = TYPES + LABELLED + "(allow cat_t bone_t (tcp_socket (create bind)))"
    policy += "(allow bone_t here_node_t (tcp_socket (node_bind)))"
    cat = "made = socket(); say(trying(made.bind, ('127.0.0.1', 8123)), trying(made.bind, ('127.0.0.1', 0)))"
    outcome = meet(directory, cat, "", policy)
    assert outcome.output.split() == ["EACCES", "ok"], outcome.errors
    (record,) = outcome.denied("tcp_socket", "name_bind")
    assert record.scontext == "system_u:system_r:bone_t:s0", "a port is asked for by the socket, not by its maker"


@pytest.mark.parametrize("user", USERS)
def test_a_socket_keeps_its_label_in_other_hands(directory: Path, user: int | None) -> None:
    """A listener is inherited by another domain: it, and what it accepts, are its maker's still."""
    policy = (
        TCP
        + """
    (allow cat_t here_node_t (tcp_socket (node_bind)))
    (allow dog_t cat_t (tcp_socket (read write accept getattr)))
    """
    )
    cat = """
made = socket(); made.bind(("127.0.0.1", 0)); made.listen(); made.set_inheritable(True)
subprocess.Popen([os.path.abspath("dog"), str(made.fileno())], close_fds=False).wait()
"""
    dog = """
made = socket(fileno=int(sys.argv[1]))
say(trying(made.listen))
made.setblocking(False)
say(trying(made.accept))
made.setblocking(True)
made.settimeout(None)
signal.signal(signal.SIGALRM, lambda *_: 1 / 0)
try:
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    made.accept()
except ZeroDivisionError:
    say("woken")
"""
    outcome = meet(directory, cat, dog, policy, user)
    assert outcome.output.split() == ["EACCES", "EAGAIN", "woken"], outcome.errors
    (record,) = outcome.denied("tcp_socket", "listen")
    assert (record.scontext, record.tcontext) == (DOG, CAT)


def test_what_is_accepted_has_its_listeners_label(directory: Path) -> None:
    policy = (
        TCP
        + """
    (allow cat_t here_node_t (tcp_socket (node_bind))) (allow cat_t port_t (tcp_socket (name_connect)))
    (allow dog_t cat_t (tcp_socket (read write accept getattr)))
    """
    )
    cat = """
made = socket(); made.bind(("127.0.0.1", 0)); made.listen(); made.set_inheritable(True)
guest = subprocess.Popen([os.path.abspath("dog"), str(made.fileno())], close_fds=False)
time.sleep(0.3)
client = socket(); client.connect(made.getsockname())
say(client.recv(9))
guest.wait()
"""
    dog = """
end, address = socket(fileno=int(sys.argv[1])).accept()
say(address[0], end.getpeername() == address, end.get_inheritable(), trying(end.bind, ("127.0.0.1", 0)))
end.send(b"wuff")
"""
    outcome = meet(directory, cat, dog, policy)
    assert sorted(outcome.output.splitlines()) == ["127.0.0.1 True False EACCES", "b'wuff'"], outcome.errors
    (record,) = outcome.denied("tcp_socket", "bind")
    assert (record.scontext, record.tcontext) == (DOG, CAT)


def test_a_denied_socket_is_not_inherited(directory: Path) -> None:
    cat = """
made = socket(AF_NETLINK, SOCK_RAW, 0); made.set_inheritable(True)
subprocess.Popen([os.path.abspath("dog"), str(made.fileno())], close_fds=False).wait()
"""
    policy = SOCKETS.format("cat_t", "netlink_route_socket")
    outcome = meet(directory, cat, "say(os.readlink(f'/proc/self/fd/{sys.argv[1]}'))", policy)
    assert outcome.output.split() == ["/dev/null"], outcome.errors
    (record,) = outcome.denied("netlink_route_socket", "read")
    assert record.permissions == ("read", "write")
    assert record.field("dev") == "sockfs"


SOCKCREATE = """
def asking(context):
    with open("/proc/thread-self/attr/sockcreate", "w") as attribute:
        attribute.write(context)
"""


@pytest.mark.parametrize("user", USERS)
def test_sockcreate_labels_sockets_and_pairs(directory: Path, user: int | None) -> None:
    policy = (
        TYPES
        + """
    (type bone_t) (roletype system_r bone_t)
    (allow cat_t self (process (setsockcreate)))
    (allow cat_t bone_t (tcp_socket (create))) (allow cat_t bone_t (unix_stream_socket (create getopt)))
    """
    )
    cat = (
        SOCKCREATE
        + """
asking("system_u:system_r:bone_t:s0")
made, (first, second) = socket(), socketpair()
asking("")
first.send(b"x"); say(second.recv(9), first.get_inheritable(), context(first))
say(trying(made.bind, ("127.0.0.1", 0)), trying(first.listen))
"""
    )
    outcome = meet(directory, cat, "", policy, user)
    bone = "system_u:system_r:bone_t:s0"
    assert outcome.output.splitlines() == [f"b'x' False {bone}", "EACCES EACCES"], outcome.errors
    for tclass, permission in (("tcp_socket", "bind"), ("unix_stream_socket", "listen")):
        assert [each.tcontext for each in outcome.denied(tclass, permission)] == [bone]


@needs_python
def test_the_classes_of_older_policies(directory: Path) -> None:
    """Without its capability, a policy knows raw internet sockets where others tell ICMP apart."""
    script = """
import socket
for each in (2, 2, 1), (38, 5, 0):
    try:
        socket.socket(*each)
    except OSError as error:
        print(error.errno)
"""
    text = "".join(path.read_text() for path in sorted(base().glob("*.cil")))
    text = text.replace("(policycap extended_socket_class)", "")
    box = Box(directory, text + "(type cat_t) (call domain_type (cat_t))")
    outcome = box.run(PYTHON or "", "-I", "-c", script, options=("--domain", "cat_t"))
    assert outcome.output.split() == ["13", "13"], outcome.errors
    assert {each.tclass for each in outcome.records} == {"rawip_socket", "socket"}


def base() -> Path:
    import selbox.policies

    return Path(next(iter(selbox.policies.__path__))) / "base"


MESSAGES = """
def asking(type, *flags, way="sendto"):
    made = socket(AF_NETLINK, SOCK_RAW, 0)
    made.settimeout(100)
    body = struct.pack("=IHHII", 32, type, 0x301, 1, 0) + bytes(16)
    def ask():
        made.sendto(body, (0, 0)) if way == "sendto" else made.sendmsg([body[:9], body[9:]])
        return struct.unpack_from("=IHHII", made.recv(65536))[1] and "ok"
    say(trying(ask), made.getsockname()[0] == os.getpid())
    made.close()
"""


@pytest.mark.parametrize("user", USERS)
def test_netlink_messages_ask_by_their_type(directory: Path, user: int | None) -> None:
    policy = "(allow cat_t self (netlink_route_socket (create bind getattr setopt read write{})))"
    cat = MESSAGES + "asking(18); asking(18, way='sendmsg'); asking(25); asking(999)"
    outcome = meet(directory, cat, "", policy.format(" nlmsg_read"), user)
    assert [line.split()[0] for line in outcome.output.splitlines()] == ["ok", "ok", "EACCES", "EINVAL"], outcome.errors
    assert outcome.output.splitlines()[:2] == ["ok True"] * 2
    assert records(outcome) == ["netlink_route_socket nlmsg_write cat_t"]
    outcome = meet(directory, cat, "", policy.format(""), user)
    assert [line.split()[0] for line in outcome.output.splitlines()] == ["EACCES"] * 3 + ["EINVAL"], outcome.errors


@pytest.mark.skipif(os.geteuid() != 0, reason="networks of one's own are root's to make here")
def test_a_network_of_its_own(directory: Path) -> None:
    policy = "(allow cat_t self (netlink_route_socket (create bind getattr setopt read write nlmsg_write)))"
    policy += "(allow cat_t self (capability (sys_admin net_admin)))"
    cat = (
        MESSAGES
        + """
import ctypes
say(ctypes.CDLL(None).unshare(0x40000000))
asking(25)
"""
    )
    outcome = meet(directory, cat, "", policy)
    assert outcome.output.splitlines()[0] == "0", outcome.errors
    assert outcome.output.splitlines()[1].split()[0] == "ok", outcome.errors


def test_looking_at_a_socket_and_shutting_it_down(directory: Path) -> None:
    cat = """
made = socket()
say(trying(made.getsockname), trying(made.getpeername), trying(made.getsockopt, SOL_SOCKET, SO_TYPE),
    trying(made.setsockopt, SOL_SOCKET, SO_REUSEADDR, 1), trying(made.setsockopt, IPPROTO_TCP, TCP_NODELAY, 1),
    trying(made.shutdown, SHUT_RD))
"""
    for permissions in ("getattr", "getopt", "setopt", "shutdown", "getattr getopt setopt shutdown"):
        policy = f"(allow cat_t self (tcp_socket (create {permissions})))"
        outcome = meet(directory, cat, "", policy)
        granted = permissions.split()
        answers = outcome.output.replace("('0.0.0.0', 0)", "ok").split()
        expected = [
            *(("ok", "ENOTCONN") if "getattr" in granted else ("EACCES", "EACCES")),
            "1" if "getopt" in granted else "EACCES",
            *(("ok", "ok") if "setopt" in granted else ("EACCES", "EACCES")),
            "ENOTCONN" if "shutdown" in granted else "EACCES",
        ]
        assert answers == expected, outcome.errors
        denied = {each.permissions[0] for each in outcome.records if each.tclass == "tcp_socket"}
        assert denied == {"getattr", "getopt", "setopt", "shutdown"} - set(granted)


def test_the_peer_of_an_internet_socket(directory: Path) -> None:
    policy = TCP + "(allow cat_t here_node_t (tcp_socket (node_bind))) (allow cat_t port_t (tcp_socket (name_connect)))"
    cat = """
server = socket(); server.bind(("127.0.0.1", 0)); server.listen()
client = socket()
say(context(client))
client.connect(server.getsockname())
say(*(trying(each.getsockopt, SOL_SOCKET, SO_PEERSEC, 99) for each in (client, server.accept()[0])))
say(trying(socket(AF_UNIX, SOCK_DGRAM).getsockopt, SOL_SOCKET, SO_PEERSEC, 99))
"""
    outcome = meet(directory, cat, "", policy)
    first, *others = outcome.output.splitlines()
    assert "unlabeled_t" in first, outcome.errors
    assert others == ["ENOPROTOOPT ENOPROTOOPT", "ENOPROTOOPT"]
