"""New processes, their namespaces and root directories."""

from selbox.enforce.seccomp import bpf
from selbox.enforce.seccomp.bpf import Instruction
from selbox.enforce.seccomp.part import ALLOW, NOTIFY, FilterPart, FilterSettings, Program
from selbox.typing import Final

CLONE_VM: Final = 0x00000100
CLONE_VFORK: Final = 0x00004000
CLONE_FS: Final = 0x00000200
CLONE_FILES: Final = 0x00000400
CLONE_THREAD: Final = 0x00010000
NAMESPACE_FLAGS: Final = 0x7E020080
"""``CLONE_NEW*`` of clone, unshare and setns."""


def _conditional(settings: FilterSettings) -> dict[str, Program]:
    fork = ALLOW if "fork" in settings.spared else NOTIFY
    return {
        "clone": (
            Instruction(bpf.LOAD_WORD, bpf.low_word(0)),
            Instruction(bpf.JUMP_IF_ANY_BIT, NAMESPACE_FLAGS, NOTIFY),
            Instruction(bpf.JUMP_IF_ANY_BIT, CLONE_THREAD, fork),
            # Whoever shares its directories with a process may be kept from entering another domain; who shares its
            # descriptors or memory is trusted with nothing that was looked at before.
            Instruction(bpf.JUMP_IF_ANY_BIT, CLONE_FS | CLONE_FILES, NOTIFY),
            Instruction(bpf.JUMP_IF_ANY_BIT, CLONE_VFORK, fork),
            Instruction(bpf.JUMP_IF_ANY_BIT, CLONE_VM, NOTIFY, fork),
        ),
    }


PART: Final = FilterPart(
    notified=("fork", "vfork", "unshare", "chroot"),
    conditional=_conditional,
)
