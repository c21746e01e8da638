"""The policy that the system has: the one in force, or the one that its configuration names."""

import os
import re

from selbox.typing import Final

_IN_FORCE: Final = "/sys/fs/selinux/policy"
_CONFIGURATION: Final = "/etc/selinux/config"
_TYPE: Final = re.compile(r"^\s*SELINUXTYPE\s*=\s*([\w.-]+)", re.MULTILINE)
_VERSIONED: Final = re.compile(r"policy\.(\d{1,4})")


def system_policy(root: str = "/") -> list[str]:
    """Return the file of the system's policy; nothing where it has none.

    Args:
        root: the directory that the system's paths are sought in.

    Source: ``selinux_binary_policy_path`` and ``selinux_current_policy_path`` of libselinux.
    """
    in_force = os.path.join(root, _IN_FORCE.lstrip("/"))
    if os.access(in_force, os.R_OK):
        return [in_force]
    directory = _configured(root, "policy")
    try:
        names = os.listdir(directory) if directory else []
    except OSError:
        return []
    versions = [int(match[1]) for match in map(_VERSIONED.fullmatch, names) if match]
    return [os.path.join(directory, f"policy.{max(versions)}")] if versions else []


def system_file_contexts(root: str = "/") -> list[str]:
    """Return the files that say how the system's files are labelled; nothing where it has none.

    Args:
        root: as for :func:`system_policy`.

    Source: ``selinux_file_context_path`` of libselinux, and ``process_file`` of its ``label_file.c``.
    """
    directory = _configured(root, "contexts/files")
    paths = [os.path.join(directory, f"file_contexts{ending}") for ending in ("", ".homedirs", ".local")]
    return [each for each in paths if directory and os.access(each, os.R_OK)]


def _configured(root: str, directory: str) -> str:
    """Return a directory of the policy that the system's configuration names; empty where it names none."""
    try:
        with open(os.path.join(root, _CONFIGURATION.lstrip("/")), encoding="utf-8", errors="replace") as stream:
            found = _TYPE.search(stream.read())
    except OSError:
        return ""
    return os.path.join(root, "etc/selinux", found[1], directory) if found else ""
