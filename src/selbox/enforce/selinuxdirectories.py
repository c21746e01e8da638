"""The directories by which a box's programs know SELinux: made for it, or those of the policy that it was given.

They are directories of the supervisor's own, below one that goes with the box: what ``/sys/fs/selinux`` shows, and
where nobody named an ``/etc/selinux``, one with what the policy itself can tell.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress

from selbox.enforce.credentials import own_credentials_held
from selbox.model.policy import Policy
from selbox.store.selinuxroot import SelinuxRoot
from selbox.typing import Final

OWN_NAME: Final = "selbox"
"""What the policy is called where nobody named its directory."""

_PLACES: Final = ("/dev/shm", os.environ.get("TMPDIR") or "/tmp")  # noqa: S108 - a random name, made exclusively
_FILES: Final = "files"
_NO_BUS_CONTEXTS: Final = "<busconfig><selinux></selinux></busconfig>\n"
"""A message bus that finds SELinux enabled does not start without this file."""


class BoxDirectory:
    """A directory of the box's own, made when it is first asked for.

    Args:
        remove_at_end: told of it, and removes it when this process does not live to.
    """

    def __init__(self, remove_at_end: Callable[[str], None]) -> None:
        self._remove_at_end = remove_at_end
        self._path = ""

    @property
    def path(self) -> str:
        """Its path.

        Raises:
            OSError: when it cannot be made.
        """
        if not self._path:
            from weakref import finalize  # few boxes make one

            place = next((each for each in _PLACES if os.access(each, os.W_OK)), _PLACES[-1])
            path = os.path.join(place, f"selbox-{os.urandom(8).hex()}")
            with own_credentials_held():
                os.mkdir(path, 0o755)
            self._path = os.path.realpath(path)
            finalize(self, remove_directory, self._path)
            self._remove_at_end(self._path)
        return self._path


class LogDirectory:
    """What stands for ``/var/log/audit``, where ``ausearch`` and ``audit2allow -a`` look for the audit log.

    Args:
        log: path of the box's own log.
        directory: where it is made.
    """

    def __init__(self, log: str, directory: BoxDirectory) -> None:
        self.log = log
        self._directory = directory
        self._made = ""

    def place(self, _inner: Sequence[bytes]) -> str:
        """Return the directory, and make it first where need be; in it a link leads to the log.

        Raises:
            OSError: when it cannot be made.
        """
        if not self._made:
            with own_credentials_held():
                made = os.path.join(self._directory.path, "log")
                os.mkdir(made, 0o750)
                os.symlink(self.log, os.path.join(made, "audit.log"))
                self._made = made
        return self._made


class PolicyDirectory:
    """What stands for ``/etc/selinux``.

    Args:
        root: the directory that the policy came with; None for one that is made.
        policy: tells what a made one holds.
        directory: where it is made.
    """

    def __init__(self, root: SelinuxRoot | None, policy: Policy, directory: BoxDirectory) -> None:
        self.name = OWN_NAME if root is None else root.name
        """Name of the policy, ``SELINUXTYPE``."""
        self._root = root
        self._is_whole: bool | None = None
        """Whether what was given is whole; None before anybody asked."""
        self._policy: Policy | None = policy
        self._directory = directory
        self._made = ""

    def place(self, inner: Sequence[bytes]) -> str:
        """Return the directory, and make it first where need be.

        Args:
            inner: components of the path that is sought in it.

        Raises:
            OSError: when it cannot be made.
        """
        root = self._root
        if root is not None:
            if self._is_whole is None:
                self._is_whole = not (root.lacks_homes and self._complete(root))
            return self._made or root.directory
        with own_credentials_held():
            if not self._made:
                self._made = os.path.join(self._directory.path, "etc")
                os.makedirs(os.path.join(self._made, self.name, "contexts", _FILES))
                self._write("config", "")  # its content is told to whoever opens it
                self._write(f"{self.name}/contexts/dbus_contexts", _NO_BUS_CONTEXTS)
                self._write(f"{self.name}/contexts/customizable_types", "")
            if self._policy is not None and _FILES.encode() in inner:
                # This takes time where there are thousands, so it waits until somebody asks how files are labelled.
                from selbox.compiler.text.filecontexts import file_contexts_text
                from selbox.diagnostics import SourceFile
                from selbox.language.filecontexts import homes_apart
                from selbox.store.filecontexts import default_user

                text = file_contexts_text(self._policy)
                self._write_contexts(*homes_apart(SourceFile("file_contexts", text), default_user(self._policy)))
                self._policy = None
        return self._made

    def keep_apart(self) -> None:
        """Have what is changed from now on be the box's own: a copy of what was given.

        Raises:
            OSError: when it cannot be made.
        """
        self.place((_FILES.encode(),))
        if self._root is not None and not self._made:
            self._copy(self._root)

    def content(self, name: str) -> bytes:
        """Return what a file of the policy's holds; nothing where there is none.

        Args:
            name: its path in the policy's directory.
        """
        try:
            with open(os.path.join(self.place((_FILES.encode(),)), self.name, name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""

    def _complete(self, root: SelinuxRoot) -> bool:
        """Make a copy of what was given, with the file contexts of home directories that its installation would make.

        Returns:
            False where there are none to be made.
        """
        from selbox.language.filecontexts import homes_apart
        from selbox.store.filecontexts import default_user
        from selbox.store.inputs import read_input

        assert self._policy is not None and root.file_contexts is not None  # noqa: S101, PT018 - it lacks homes
        with own_credentials_held():
            source = read_input(root.file_contexts).text("file contexts")
            contexts, homes = homes_apart(source, default_user(self._policy))
            if not homes:
                return False
            self._copy(root)
            os.unlink(os.path.join(self._made, root.name, "contexts", _FILES, "file_contexts"))
            self._write_contexts(contexts, homes)
        return True

    def _write_contexts(self, contexts: str, homes: str) -> None:
        path = f"{self.name}/contexts/{_FILES}/file_contexts"
        self._write(path, contexts)
        if homes:
            self._write(f"{path}.homedirs", homes)

    def _copy(self, root: SelinuxRoot) -> None:
        """Make a copy of the directory that was given, with no other policy than the one that counts."""
        import shutil  # few boxes need one

        made = os.path.join(self._directory.path, "etc")
        with own_credentials_held():
            shutil.copytree(root.path(), os.path.join(made, root.name), symlinks=True)
            for entry in os.scandir(root.directory):
                if entry.is_file():
                    shutil.copy(entry.path, made)
        self._made = made

    def _write(self, name: str, content: str) -> None:
        with open(os.path.join(self._made, name), "x", encoding="utf-8", errors="surrogateescape") as file:
            file.write(content)


def remove_directory(directory: str) -> None:
    """Remove such a directory with all that is in it."""
    import shutil  # 5 ms, which only a box that asked for such directories pays, at its end

    for place, _, _ in os.walk(directory):
        with suppress(OSError):
            os.chmod(place, 0o700)  # those of selinuxfs are not even their owner's to write to
    shutil.rmtree(directory, ignore_errors=True)
