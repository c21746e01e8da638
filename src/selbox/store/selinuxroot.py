"""Directories such as ``/etc/selinux``: the configuration of SELinux and, by name, policies with what goes with them.

A box may have one of its own: what it finds at ``/etc/selinux`` need not be what the host has there.
"""

import os

from selbox.diagnostics import SelboxError
from selbox.typing import Final, NamedTuple

_NAMES: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
_PREFIX: Final = "policy."

STORES: Final = "/var/lib/selinux"
"""Where ``semanage`` and ``semodule`` have what policies are made of, by their names."""


class SelinuxRoot(NamedTuple):
    """Such a directory.

    Attributes:
        directory: absolute path of what stands for ``/etc/selinux``.
        name: of the policy in it that counts, as ``SELINUXTYPE`` in ``config`` has it.
    """

    directory: str
    name: str

    def path(self, *names: str) -> str:
        """Return a path below the policy's directory."""
        return os.path.join(self.directory, self.name, *names)

    @property
    def file_contexts(self) -> str | None:
        """The file with the contexts of files; None where there is none."""
        path = self.path("contexts", "files", "file_contexts")
        return path if os.path.exists(path) else None

    @property
    def lacks_homes(self) -> bool:
        """Whether there are contexts of files, and none of those in home directories, which installing makes."""
        path = self.file_contexts
        return path is not None and not os.path.exists(f"{path}.homedirs")

    @property
    def has_store(self) -> bool:
        """Whether the machine itself has a store of the policy, as where it was installed."""
        return os.path.exists(os.path.join(STORES, self.name, "active", "policy.kern"))

    @property
    def policy(self) -> str | None:
        """The newest kernel policy, by its version; None where there is none."""
        try:
            names = os.listdir(self.path("policy"))
        except OSError:
            return None
        versions = [int(name.removeprefix(_PREFIX)) for name in names if _is_versioned(name)]
        return self.path("policy", f"policy.{max(versions)}") if versions else None


def selinux_root(path: str) -> SelinuxRoot:
    """Return the directory that a user named: one such as ``/etc/selinux``, or one such as ``/etc/selinux/default``.

    Raises:
        SelboxError: ``no-selinux-root``, when it is neither, or holds several policies and does not tell which counts.
    """
    directory = os.path.realpath(path)
    if _is_policy(directory):
        return SelinuxRoot(os.path.dirname(directory), os.path.basename(directory))
    try:
        names = sorted(each for each in os.listdir(directory) if _is_policy(os.path.join(directory, each)))
    except OSError as error:
        raise _refused(f"`{path}` cannot be read: {error.strerror}") from None
    configured = configured_name(directory)
    if configured in names:
        return SelinuxRoot(directory, configured)
    if len(names) == 1:
        return SelinuxRoot(directory, names[0])
    if not names:
        raise _refused(f"`{path}` holds no policy's `contexts`")
    found = ", ".join(f"`{each}`" for each in names)
    raise _refused(f"`{path}` holds several policies, {found}, and its `config` names none of them")


def root_of_policy(path: str) -> SelinuxRoot | None:
    """Return the directory that a policy's file lies in, as ``/etc/selinux/NAME/policy/policy.33`` does; else None."""
    directory, name = os.path.split(os.path.realpath(path))
    place = os.path.dirname(directory)
    if not _is_versioned(name) or os.path.basename(directory) != "policy" or not _is_policy(place):
        return None
    return SelinuxRoot(os.path.dirname(place), os.path.basename(place))


def configured_name(directory: str) -> str:
    """Return the name of the policy that the ``config`` in a directory names; empty where it names none."""
    try:
        with open(os.path.join(directory, "config"), encoding="utf-8", errors="replace") as stream:
            lines = [line.partition("=") for line in stream]
    except OSError:
        return ""
    values = [value.strip() for name, _, value in lines if name.strip() == "SELINUXTYPE"]
    return values[0] if values and _NAMES.issuperset(values[0]) else ""


def _is_versioned(name: str) -> bool:
    digits = name.removeprefix(_PREFIX)
    return digits != name and len(digits) <= 4 and digits.isascii() and digits.isdecimal()


def _is_policy(directory: str) -> bool:
    return os.path.isdir(os.path.join(directory, "contexts"))


def _refused(message: str) -> SelboxError:
    help_ = "name a directory such as /etc/selinux, or that of one policy, such as /etc/selinux/default"
    return SelboxError.of("no-selinux-root", message, help=help_)
