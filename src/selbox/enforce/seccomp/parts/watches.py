"""Watching files."""

from typing import Final

from selbox.enforce.seccomp.part import FilterPart

PART: Final = FilterPart(notified=("inotify_add_watch",))
