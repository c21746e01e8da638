"""The policy that the system has: the one in force, or the one that its configuration names."""

import os

from selbox.store.selinuxroot import SelinuxRoot, configured_name
from selbox.typing import Final

_IN_FORCE: Final = "/sys/fs/selinux/policy"
_DIRECTORY: Final = "/etc/selinux"


def system_policy(root: str = "/") -> list[str]:
    """Return the file of the system's policy; nothing where it has none.

    Args:
        root: the directory that the system's paths are sought in.

    Source: ``selinux_binary_policy_path`` and ``selinux_current_policy_path`` of libselinux.
    """
    in_force = os.path.join(root, _IN_FORCE.lstrip("/"))
    if os.access(in_force, os.R_OK):
        return [in_force]
    configured = _configured(root)
    policy = None if configured is None else configured.policy
    return [] if policy is None else [policy]


def system_file_contexts(root: str = "/") -> list[str]:
    """Return the files that say how the system's files are labelled; nothing where it has none.

    Args:
        root: as for :func:`system_policy`.

    Source: ``selinux_file_context_path`` of libselinux, and ``process_file`` of its ``label_file.c``.
    """
    configured = _configured(root)
    if configured is None:
        return []
    paths = [configured.path("contexts", "files", f"file_contexts{ending}") for ending in ("", ".homedirs", ".local")]
    return [each for each in paths if os.access(each, os.R_OK)]


def _configured(root: str) -> SelinuxRoot | None:
    """Return the policy that the system's configuration names; None where it names none."""
    directory = os.path.join(root, _DIRECTORY.lstrip("/"))
    name = configured_name(directory)
    return SelinuxRoot(directory, name) if name else None
