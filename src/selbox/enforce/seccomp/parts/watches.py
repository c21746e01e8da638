"""Watching files."""

from selbox.enforce.seccomp.part import FilterPart
from selbox.typing import Final

PART: Final = FilterPart(notified=("inotify_add_watch", "fanotify_init", "fanotify_mark"))
