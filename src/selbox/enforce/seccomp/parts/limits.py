"""Resource limits, one of which carries the label."""

from selbox.enforce.seccomp import bpf
from selbox.enforce.seccomp.bpf import Instruction
from selbox.enforce.seccomp.part import ALLOW, NOTIFY, FilterPart, FilterSettings, Program, when_equal
from selbox.typing import Final

RLIMIT_RTTIME: Final = 15
"""The resource limit that carries a task's label; see ``selbox.enforce.tasks``."""


def _conditional(_settings: FilterSettings) -> dict[str, Program]:
    return {
        "getrlimit": when_equal(0, RLIMIT_RTTIME),
        "prlimit64": (
            # A program that asks for limits of its own, as every start of threads does, asks nobody else.
            Instruction(bpf.LOAD_WORD, bpf.low_word(1)),
            Instruction(bpf.JUMP_IF_EQUAL, RLIMIT_RTTIME, NOTIFY),
            Instruction(bpf.LOAD_WORD, bpf.low_word(0)),
            Instruction(bpf.JUMP_IF_EQUAL, 0, "", NOTIFY),
            Instruction(bpf.LOAD_WORD, bpf.low_word(2)),
            Instruction(bpf.JUMP_IF_EQUAL, 0, "", NOTIFY),
            Instruction(bpf.LOAD_WORD, bpf.high_word(2)),
            Instruction(bpf.JUMP_IF_EQUAL, 0, ALLOW, NOTIFY),
        ),
    }


PART: Final = FilterPart(notified=("setrlimit",), conditional=_conditional)
