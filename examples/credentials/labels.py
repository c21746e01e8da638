"""What labels a process can see: its own, and a file's. Empty where there are none."""

import os


def own_label() -> str:
    """Return the security context of this process, as ``id -Z`` shows it."""
    try:
        with open("/proc/self/attr/current", "rb") as attribute:
            return attribute.read().rstrip(b"\0\n").decode()
    except OSError:
        return ""


def file_label(path: str) -> str:
    """Return the security context of a file, as ``ls -Z`` shows it."""
    try:
        return os.getxattr(path, "security.selinux").rstrip(b"\0").decode()
    except OSError:
        return ""
