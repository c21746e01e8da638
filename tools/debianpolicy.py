"""Debian's real policies, for tests and measurements: found, or fetched from its package archive, and kept.

Needs Python's standard library alone. As a program it makes everything ready beforehand, and says where it is:

    python3 tools/debianpolicy.py

Nothing is installed: a package that holds a policy would build and set it up for the whole machine. It is only
unpacked, into ``$XDG_CACHE_HOME/selbox-tests``, from where it can be deleted at any time.
"""

import bz2
import fcntl
import glob
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

POLICIES = ("default", "mls")
PP = "/usr/libexec/selinux/hll/pp"
"""Debian's translator of module packages to CIL."""
NOT_ENABLED = frozenset(
    [
        "amtu",
        "bugzilla",
        "cobbler",
        "condor",
        "cyphesis",
        "git",
        "ksmtuned",
        "likewise",
        "livecd",
        "nessus",
        "numad",
        "oddjob",
        "openca",
        "soundserver",
        "thunderbird",
        "updfstab",
        "usernetctl",
    ]
)
"""Modules that Debian ships and leaves disabled (as its package's ``postinst`` has it)."""
_SECONDS_TO_FETCH = 120


class PolicyUnavailableError(Exception):
    """A policy is not here and cannot be had; says why."""


def packages(name: str) -> list[str]:
    """Return the paths of a policy's module packages (``.pp.bz2``), in the order of the modules' names.

    Args:
        name: one of :data:`POLICIES`.

    Raises:
        PolicyUnavailableError: when it is neither installed nor kept nor to be fetched.
    """
    installed = f"/usr/share/selinux/{name}"
    if glob.glob(f"{installed}/*.pp*"):
        directory = installed
    else:
        package = f"selinux-policy-{name}"
        directory = _kept(package, lambda new: _fetch(package, new))
    return sorted(glob.glob(f"{directory}/**/*.pp*", recursive=True), key=module_name)


def cil_files(name: str) -> list[str]:
    """Return the paths of a policy's modules as CIL, made by Debian's ``pp``, in the order of their names.

    Raises:
        PolicyUnavailableError: as :func:`packages`, or when there is no ``pp``.
    """
    found = packages(name)
    if not os.path.exists(PP):
        raise PolicyUnavailableError(f"{PP} is not installed (Debian: policycoreutils)")

    def translate(directory: str) -> None:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda path: _translate(path, directory), found))

    return sorted(glob.glob(f"{_kept(f'selinux-policy-{name}-cil', translate)}/*.cil"), key=module_name)


def contexts_directory(name: str) -> str:
    """Return the directory of what belongs to a policy besides its modules, such as ``files/file_contexts.subs_dist``.

    Raises:
        PolicyUnavailableError: as :func:`packages`.
    """
    root = packages(name)[0].rpartition(f"/usr/share/selinux/{name}/")[0]
    return f"{root}/etc/selinux/{name}/contexts"


def module_name(path: str) -> str:
    """Return the name of the module that a file holds."""
    return os.path.basename(path).partition(".")[0]


def enabled(paths: list[str]) -> list[str]:
    """Return those of a policy's modules that are enabled on a Debian that installed it."""
    return [path for path in paths if module_name(path) not in NOT_ENABLED]


def cache_directory() -> str:
    """Return the directory of what is kept; it need not exist."""
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "selbox-tests")


def _kept(name: str, make: Callable[[str], None]) -> str:
    """Return a directory of the cache; make it first when there is none.

    Args:
        name: of the directory, and of what is in it.
        make: fills a new directory.
    """
    cache = cache_directory()
    directory = os.path.join(cache, name)
    if os.path.isdir(directory):
        return directory
    os.makedirs(cache, exist_ok=True)
    with _locked(cache):
        if not os.path.isdir(directory):
            new = tempfile.mkdtemp(prefix=f".{name}-", dir=cache)
            try:
                make(new)
                os.rename(new, directory)
            finally:
                shutil.rmtree(new, ignore_errors=True)
    return directory


@contextmanager
def _locked(directory: str) -> Iterator[None]:
    """Hold the lock of a directory: of two that need the same at once, the second finds it done."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _fetch(package: str, directory: str) -> None:
    """Fetch a package of Debian's and unpack it into a directory.

    Raises:
        PolicyUnavailableError: when apt cannot.
    """
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise PolicyUnavailableError(f"{package} comes from Debian's archive, and there is no apt-get here")
    _run(["apt-get", "download", "-q", package], directory)
    archives = glob.glob(f"{directory}/*.deb")
    if not archives:
        raise PolicyUnavailableError(f"apt-get downloaded no {package}")
    _run(["dpkg-deb", "-x", archives[0], directory], directory)
    os.unlink(archives[0])


def _translate(path: str, directory: str) -> None:
    with open(path, "rb") as stream:
        content = stream.read()
    package = os.path.join(directory, module_name(path) + ".pp")
    with open(package, "wb") as stream:
        stream.write(bz2.decompress(content) if content.startswith(b"BZh") else content)
    _run([PP, package, os.path.join(directory, module_name(path) + ".cil")], directory)
    os.unlink(package)


def _run(command: list[str], directory: str) -> None:
    try:
        done = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, timeout=_SECONDS_TO_FETCH, check=False
        )
    except subprocess.TimeoutExpired:
        raise PolicyUnavailableError(f"`{' '.join(command)}` took longer than {_SECONDS_TO_FETCH} seconds") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise PolicyUnavailableError(f"`{' '.join(command)}` failed: {last}")


def main() -> int:
    """Make both policies ready; tell where they are, or why not."""
    try:
        for name in POLICIES:
            found = cil_files(name)
            print(f"{name}: {len(found)} modules in {os.path.dirname(found[0])}")
    except PolicyUnavailableError as error:
        print(f"debianpolicy: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
