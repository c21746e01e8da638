"""Sockets."""

from selbox.enforce.seccomp import bpf
from selbox.enforce.seccomp.bpf import Instruction, Label
from selbox.enforce.seccomp.part import ALLOW, NOTIFY, FilterPart, FilterSettings, Program, when_equal
from selbox.typing import Final

SOL_SOCKET: Final = 1
SOL_SCTP: Final = 132
SOL_NETLINK: Final = 270
_ADDRESS: Final = 4
SO_PEERCRED: Final = 17
SO_PEERSEC: Final = 31
SO_SNDBUFFORCE: Final = 32
SO_RCVBUFFORCE: Final = 33
SO_MARK: Final = 36
SO_ZEROCOPY: Final = 60
SO_PEERPIDFD: Final = 77
ASKED_OPTIONS: Final = frozenset({SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_MARK, SO_ZEROCOPY})
"""Options of any socket that take a capability or are refused, whatever is granted along with sockets."""
AF_UNIX: Final = 1
AF_INET: Final = 2
AF_INET6: Final = 10
_STREAM: Final = 1
_DATAGRAM: Final = 2
_TYPE_MASK: Final = 0xF
_TCP: Final = 6
_UDP: Final = 17
_OF_UNIX: Final = frozenset({"unix_stream_socket", "unix_dgram_socket"})
_ALWAYS: Final = (Instruction(bpf.JUMP, 0, NOTIFY),)
_PEERS: Final = (
    Instruction(bpf.LOAD_WORD, bpf.low_word(1)),
    Instruction(bpf.JUMP_IF_EQUAL, SOL_SOCKET, "", ALLOW),
    *when_equal(2, SO_PEERCRED, SO_PEERSEC, SO_PEERPIDFD),
)
_ASKED: Final = (
    Instruction(bpf.LOAD_WORD, bpf.low_word(1)),
    Instruction(bpf.JUMP_IF_EQUAL, SOL_SCTP, NOTIFY),
    Instruction(bpf.JUMP_IF_EQUAL, SOL_NETLINK, NOTIFY),
    Instruction(bpf.JUMP_IF_EQUAL, SOL_SOCKET, "", ALLOW),
    *when_equal(2, *sorted(ASKED_OPTIONS)),
)
_UNASKED: Final = (Instruction(bpf.JUMP, 0, ALLOW),)


def _conditional(settings: FilterSettings) -> dict[str, Program]:
    spared = settings.spared

    def besides_kernel(otherwise: Program) -> Program:
        # Netlink sockets of SELinux and the audit system lie at the numbers of transactions.
        return (
            Instruction(bpf.LOAD_WORD, bpf.low_word(0)),
            Instruction(bpf.JUMP_IF_GREATER_OR_EQUAL, settings.transactions.first, "", "ordinary"),
            Instruction(bpf.JUMP_IF_GREATER_OR_EQUAL, settings.transactions.end, "", NOTIFY),
            Label("ordinary"),
            *otherwise,
        )

    def if_spared(call: str, otherwise: Program) -> Program:
        return besides_kernel(otherwise) if call in spared else _ALWAYS

    return {
        "socket": _making(spared),
        "socketpair": (
            Instruction(bpf.LOAD_WORD, bpf.low_word(0)),
            Instruction(bpf.JUMP_IF_EQUAL, AF_UNIX, ALLOW if spared >= _OF_UNIX else NOTIFY, NOTIFY),
        ),
        "recvfrom": besides_kernel(_UNASKED),
        "getsockname": if_spared("getsockname", _UNASKED),
        "getpeername": if_spared("getpeername", _UNASKED),
        "shutdown": if_spared("shutdown", _UNASKED),
        "getsockopt": if_spared("getsockopt", _PEERS),
        "setsockopt": if_spared("setsockopt", _ASKED),
        # Without an address, what is sent goes where the socket was connected to.
        "sendto": (
            Instruction(bpf.LOAD_WORD, bpf.low_word(_ADDRESS)),
            Instruction(bpf.JUMP_IF_EQUAL, 0, "", NOTIFY),
            Instruction(bpf.LOAD_WORD, bpf.high_word(_ADDRESS)),
            Instruction(bpf.JUMP_IF_EQUAL, 0, ALLOW, NOTIFY),
        ),
        **dict.fromkeys(("accept", "accept4"), _UNASKED if "accept" in spared else _ALWAYS),
    }


def _made(name: str, spared: frozenset[str], *kinds: tuple[int, str, int]) -> Program:
    """Return the part of a program that lets sockets of some families be made.

    Args:
        name: of its label.
        spared: classes that are not asked about, among others.
        kinds: type, class, and the protocol that is meant where none is named.
    """
    program: list[Instruction | Label] = [
        Label(name),
        Instruction(bpf.LOAD_WORD, bpf.low_word(1)),
        Instruction(bpf.AND, _TYPE_MASK),
    ]
    for type_, object_class, protocol in kinds:
        if object_class in spared:
            program += (
                Instruction(bpf.JUMP_IF_EQUAL, type_, "", f"no {object_class}"),
                Instruction(bpf.LOAD_WORD, bpf.low_word(2)),
                Instruction(bpf.JUMP_IF_EQUAL, 0, ALLOW),
                Instruction(bpf.JUMP_IF_EQUAL, protocol, ALLOW, NOTIFY),
                Label(f"no {object_class}"),
            )
    return (*program, Instruction(bpf.JUMP, 0, NOTIFY))


def _making(spared: frozenset[str]) -> Program:
    return (
        Instruction(bpf.LOAD_WORD, bpf.low_word(0)),
        Instruction(bpf.JUMP_IF_EQUAL, AF_UNIX, "unix"),
        Instruction(bpf.JUMP_IF_EQUAL, AF_INET, "internet"),
        Instruction(bpf.JUMP_IF_EQUAL, AF_INET6, "internet", NOTIFY),
        *_made("unix", spared, (_STREAM, "unix_stream_socket", AF_UNIX), (_DATAGRAM, "unix_dgram_socket", AF_UNIX)),
        *_made("internet", spared, (_STREAM, "tcp_socket", _TCP), (_DATAGRAM, "udp_socket", _UDP)),
    )


PART: Final = FilterPart(
    notified=(
        *("connect", "bind", "listen"),
        *("sendmsg", "sendmmsg", "recvmsg", "recvmmsg"),
    ),
    conditional=_conditional,
)

UNLENT: Final = (
    *("socket", "socketpair", "listen", "accept", "accept4", "recvmsg", "recvmmsg"),
    *("recvfrom", "getsockname", "getpeername", "getsockopt", "setsockopt", "shutdown"),
)
"""Calls whose handlers walk no paths, and take on a caller's identity themselves where it matters."""

UNLENT_SHORTCUTS: Final = frozenset({*UNLENT, "sendmsg"})
"""Calls whose shortcuts, where they have any, walk no paths either."""
