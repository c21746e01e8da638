"""What policy says of files: by their paths, and by the kinds of their file systems."""

import os
import stat

from selbox.diagnostics import SelboxError
from selbox.model.context import Context
from selbox.model.labelling import FileKind, FilesystemUseBehaviour
from selbox.server.labelling import generic_filesystem_context
from selbox.server.securityserver import SecurityServer
from selbox.store.filecontexts import FileContexts
from selbox.typing import Final

_KINDS: Final = {
    stat.S_IFREG: FileKind.FILE,
    stat.S_IFDIR: FileKind.DIRECTORY,
    stat.S_IFLNK: FileKind.SYMLINK,
    stat.S_IFCHR: FileKind.CHARACTER,
    stat.S_IFBLK: FileKind.BLOCK,
    stat.S_IFIFO: FileKind.PIPE,
    stat.S_IFSOCK: FileKind.SOCKET,
}
_TEXTS_KEPT: Final = 1024


class SaidLabels:
    """The SIDs that the policy in force gives to files; another policy has another of these.

    Args:
        server: it has the policy.
    """

    def __init__(self, server: SecurityServer) -> None:
        policy = server.policy
        self._server = server
        self._policy = policy
        self._file_contexts = FileContexts.of(policy)
        self._uses = {each.filesystem: each for each in policy.filesystem_uses}
        self._labels_links = "genfs_seclabel_symlinks" in policy.policy_capabilities
        self._genfs = {each.filesystem for each in policy.genfs_contexts}
        self._file = server.initial_sid("file")
        self._unlabeled = server.initial_sid("unlabeled")
        self._sids: dict[Context, int] = {}
        self._texts: dict[str, int | None] = {}
        """What contexts that files or the user gave mean; None where the policy does not have them."""

    def of_filesystem(self, kind: str) -> int:
        """Return the SID of file systems of a kind themselves, with which their files are associated."""
        use = self._uses.get(kind)
        if use is not None:
            return self._sid_for(use.context)
        context = generic_filesystem_context(self._policy, kind, "/", FileKind.DIRECTORY)
        return self._unlabeled if context is None else self._sid_for(context)

    def of_files_in(self, kind: str) -> int:
        """Return the SID of files of which policy says no more than the kind of their file system."""
        use = self._uses.get(kind)
        if use is not None and use.behaviour is not FilesystemUseBehaviour.XATTR:
            return self._sid_for(use.context)
        return self._file

    def are_made_up(self, kind: str) -> bool:
        """Tell whether the kernel makes up the files of a kind of file system, so that labels go by ``genfscon``."""
        return kind in self._genfs and kind not in self._uses

    def of_made_up(self, kind: str, path: str, mode: int) -> int | None:
        """Return the SID of a file that the kernel makes up; None where no ``genfscon`` fits.

        Args:
            kind: of the file system.
            path: in it.
            mode: the file's ``st_mode``.
        """
        if stat.S_ISLNK(mode) and not self._labels_links:
            return self.of_filesystem(kind)
        context = generic_filesystem_context(self._policy, kind, path, _KINDS.get(stat.S_IFMT(mode), FileKind.FILE))
        return None if context is None else self._sid_for(context)

    def of_path(self, path: str, mode: int, kind: str) -> int | None:
        """Return the SID of a file by its path; None for one that policy leaves alone (``<<none>>``).

        Args:
            path: by which policy knows it.
            mode: its ``st_mode``.
            kind: of its file system, which tells where file contexts say nothing.
        """
        entry = self._file_contexts.lookup(path, mode)
        if entry is None:
            return self.of_files_in(kind)
        return None if entry.context is None else self._sid_for(entry.context)

    def of_directories_above(self, path: str) -> int:
        """Return the SID of the nearest directory above a path that policy does not leave alone."""
        while path != "/":
            path = os.path.dirname(path)
            entry = self._file_contexts.lookup(path, stat.S_IFDIR)
            if entry is None:
                break
            if entry.context is not None:
                return self._sid_for(entry.context)
        return self._file

    def of_text(self, text: str) -> int | None:
        """Return the SID of a context as text, or None for one that the policy does not have."""
        try:
            return self._texts[text]
        except KeyError:
            pass
        try:
            sid = self._server.context_to_sid(text)
        except SelboxError:
            sid = None
        if len(self._texts) >= _TEXTS_KEPT:
            self._texts.clear()
        self._texts[text] = sid
        return sid

    def _sid_for(self, context: Context) -> int:
        """Return the SID of a context that policy gives to files, which is checked the first time only."""
        sid = self._sids.get(context)
        if sid is None:
            sid = self._sids[context] = self._server.sid_for(context)
        return sid
