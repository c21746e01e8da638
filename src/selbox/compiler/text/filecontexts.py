"""The file contexts of a policy, as libselinux and ``setfiles`` read them.

Source: ``cil_filecons_to_string`` and ``cil_post_filecon_compare`` of libsepol, which ``secilc -f`` calls.
"""

from selbox.compiler.labelorder import file_key
from selbox.model.context_text import format_context
from selbox.model.labelling import FileKind
from selbox.model.policy import Policy
from selbox.typing import Final

_KINDS: Final = {
    FileKind.ANY: "",
    FileKind.FILE: "\t--",
    FileKind.DIRECTORY: "\t-d",
    FileKind.CHARACTER: "\t-c",
    FileKind.BLOCK: "\t-b",
    FileKind.SOCKET: "\t-s",
    FileKind.PIPE: "\t-p",
    FileKind.SYMLINK: "\t-l",
}


def file_contexts_text(policy: Policy) -> str:
    """Return a line for each file context, so sorted that the last that matches a path is the most specific."""
    entries = sorted(policy.file_contexts, key=file_key)
    return "".join(
        f"{entry.pattern}{_KINDS[entry.kind]}\t"
        f"{'<<none>>' if entry.context is None else format_context(policy, entry.context)}\n"
        for entry in entries
    )
