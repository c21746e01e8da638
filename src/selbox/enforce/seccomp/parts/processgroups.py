"""Process groups, sessions and capabilities of processes."""

from selbox.enforce.seccomp import bpf
from selbox.enforce.seccomp.bpf import Instruction
from selbox.enforce.seccomp.part import ALLOW, NOTIFY, FilterPart, FilterSettings, Program
from selbox.typing import Final


def _conditional(_settings: FilterSettings) -> dict[str, Program]:
    other = (
        # Whoever asks about itself by the number 0 is not asked about.
        Instruction(bpf.LOAD_WORD, bpf.low_word(0)),
        Instruction(bpf.JUMP_IF_EQUAL, 0, ALLOW, NOTIFY),
    )
    return dict.fromkeys(("getpgid", "getsid"), other)


PART: Final = FilterPart(notified=("setpgid", "capget", "capset"), conditional=_conditional)
