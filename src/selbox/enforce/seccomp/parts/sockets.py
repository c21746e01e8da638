"""Sockets."""

from selbox.enforce.seccomp import bpf
from selbox.enforce.seccomp.bpf import Instruction
from selbox.enforce.seccomp.part import ALLOW, NOTIFY, FilterPart, FilterSettings, Program, when_equal
from selbox.typing import Final

SOL_SOCKET: Final = 1
SOL_SCTP: Final = 132
SOL_NETLINK: Final = 270
_ADDRESS: Final = 4
SO_PEERCRED: Final = 17
SO_PEERSEC: Final = 31
SO_ZEROCOPY: Final = 60
SO_PEERPIDFD: Final = 77


_ALWAYS: Final = (Instruction(bpf.JUMP, 0, NOTIFY),)
_PEERS: Final = (
    Instruction(bpf.LOAD_WORD, bpf.low_word(1)),
    Instruction(bpf.JUMP_IF_EQUAL, SOL_SOCKET, "", ALLOW),
    *when_equal(2, SO_PEERCRED, SO_PEERSEC, SO_PEERPIDFD),
)
_REFUSED_OPTIONS: Final = (
    Instruction(bpf.LOAD_WORD, bpf.low_word(1)),
    Instruction(bpf.JUMP_IF_EQUAL, SOL_SCTP, NOTIFY),
    Instruction(bpf.JUMP_IF_EQUAL, SOL_NETLINK, NOTIFY),
    Instruction(bpf.JUMP_IF_EQUAL, SOL_SOCKET, "", ALLOW),
    *when_equal(2, SO_ZEROCOPY),
)


def _conditional(settings: FilterSettings) -> dict[str, Program]:
    # Netlink sockets of SELinux and the audit system lie at the numbers of transactions.
    of_kernel = (
        Instruction(bpf.LOAD_WORD, bpf.low_word(0)),
        Instruction(bpf.JUMP_IF_GREATER_OR_EQUAL, settings.transactions.first, "", ALLOW),
        Instruction(bpf.JUMP_IF_GREATER_OR_EQUAL, settings.transactions.end, ALLOW, NOTIFY),
    )
    return {
        "recvfrom": of_kernel,
        "getsockname": of_kernel if "getsockname" in settings.spared else _ALWAYS,
        "getsockopt": _PEERS if "getsockopt" in settings.spared else _ALWAYS,
        "setsockopt": _REFUSED_OPTIONS if "setsockopt" in settings.spared else _ALWAYS,
        # Without an address, what is sent goes where the socket was connected to.
        "sendto": (
            Instruction(bpf.LOAD_WORD, bpf.low_word(_ADDRESS)),
            Instruction(bpf.JUMP_IF_EQUAL, 0, "", NOTIFY),
            Instruction(bpf.LOAD_WORD, bpf.high_word(_ADDRESS)),
            Instruction(bpf.JUMP_IF_EQUAL, 0, ALLOW, NOTIFY),
        ),
    }


PART: Final = FilterPart(
    notified=(
        *("socket", "socketpair", "connect", "bind", "listen", "accept", "accept4"),
        *("sendmsg", "sendmmsg", "recvmsg", "recvmmsg", "getpeername", "shutdown"),
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
