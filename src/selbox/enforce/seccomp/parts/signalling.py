"""Signals."""

from typing import Final

from selbox.enforce.seccomp.part import FilterPart

PART: Final = FilterPart(
    notified=("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal")
)
