"""What watching a file takes."""

from selbox.typing import Final

_READING: Final = 0x1 | 0x10
"""``IN_ACCESS`` and ``IN_CLOSE_NOWRITE``."""


def watch_permissions(mask: int, watch: str = "watch") -> tuple[str, ...]:
    """Return the permissions that a watch asks for.

    Args:
        mask: events, as bits of ``inotify(7)``, which are those of ``fanotify(7)`` too.
        watch: the first of them, which depends on what is watched: a file, a mount or a file system.

    Source: the kernel's ``selinux_path_notify``.
    """
    return (watch, "watch_reads") if mask & _READING else (watch,)
