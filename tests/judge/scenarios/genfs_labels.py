"""Files of ``/proc``, ``/sys`` and ``/dev`` have labels by their paths, and are opened by a domain that may not."""

import os

from tests.judge.stage import Stage, attempt, file_context

DOMAINS = "reader"
OBJECTS = ""
RULES = """
(allow reader .sysctl_t (dir (getattr search open read)))
(allow reader .sysctl_kernel_t (dir (getattr search open read)))
(allow reader .sysfs_t (dir (getattr search open read)))
"""
PATHS = (
    *("/proc/version", "/proc/meminfo", "/proc/kmsg", "/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern"),
    *("/proc/sys/net/ipv4/ip_forward", "/proc/sys/vm/overcommit_memory", "/proc/sys/fs/file-max", "/proc/net/unix"),
    *("/proc/interrupts", "/proc/filesystems", "/sys/kernel/uevent_seqnum", "/sys/devices/system/cpu/online"),
    *("/dev/zero", "/dev/full", "/dev/urandom", "/dev/tty", "/dev/ptmx"),
)


def scenario(stage: Stage) -> None:
    stage.run("reader", read)
    stage.run("", ask_labels)


def ask_labels() -> None:
    for path in PATHS:
        attempt(path, file_context, path, show=True)


def read() -> None:
    for path in PATHS:
        attempt(path, os.open, path, os.O_RDONLY | os.O_NOCTTY)
