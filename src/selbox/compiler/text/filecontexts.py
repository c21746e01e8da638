"""The file contexts of a policy, as libselinux and ``setfiles`` read them.

Source: ``cil_filecons_to_string`` and ``cil_post_filecon_compare`` of libsepol, which ``secilc -f`` calls.
"""

from typing import Final

from selbox.model.context_text import format_context
from selbox.model.labelling import FileContext, FileKind
from selbox.model.policy import Policy

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
_KIND_ORDER: Final = {kind: place for place, kind in enumerate(_KINDS)}

_SPECIAL: Final = frozenset(".^$?*+|[({")
"""Characters that make a pattern of a path."""


def file_contexts_text(policy: Policy) -> str:
    """Return a line for each file context, so sorted that the last that matches a path is the most specific."""
    entries = sorted(policy.file_contexts, key=_specificity)
    return "".join(
        f"{entry.pattern}{_KINDS[entry.kind]}\t"
        f"{'<<none>>' if entry.context is None else format_context(policy, entry.context)}\n"
        for entry in entries
    )


def _specificity(entry: FileContext) -> tuple[bool, int, int, int, str]:
    """Return the sort key: patterns before plain paths, then by the length of the fixed start, and of the whole."""
    stem: int | None = None
    length = 0
    characters = iter(entry.pattern)
    for character in characters:
        if character == "\\":
            next(characters, None)
        elif stem is None and character in _SPECIAL:
            stem = length
        length += 1
    return stem is None, length if stem is None else stem, length, _KIND_ORDER[entry.kind], entry.pattern
