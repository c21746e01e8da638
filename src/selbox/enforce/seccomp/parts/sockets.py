"""Sockets."""

from typing import Final

from selbox.enforce.seccomp import bpf
from selbox.enforce.seccomp.bpf import Instruction
from selbox.enforce.seccomp.part import ALLOW, NOTIFY, FilterPart, FilterSettings, Program, when_equal

_SOL_SOCKET: Final = 1
_ADDRESS: Final = 4
SO_PEERCRED: Final = 17
SO_PEERSEC: Final = 31
SO_PEERPIDFD: Final = 77


def _conditional(_settings: FilterSettings) -> dict[str, Program]:
    return {
        "getsockopt": (
            Instruction(bpf.LOAD_WORD, bpf.low_word(1)),
            Instruction(bpf.JUMP_IF_EQUAL, _SOL_SOCKET, "", ALLOW),
            *when_equal(2, SO_PEERCRED, SO_PEERSEC, SO_PEERPIDFD),
        ),
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
        *("sendmsg", "sendmmsg", "recvmsg", "recvmmsg"),
    ),
    conditional=_conditional,
)
