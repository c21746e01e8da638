"""Which label a path should have: by a policy's file contexts, and by those of files beside it."""

from collections.abc import Sequence
from stat import S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK

from selbox.diagnostics import Diagnostic, SelboxError, Severity
from selbox.language.filecontexts import NO_CONTEXT, parse_file_contexts
from selbox.model.context_text import format_context
from selbox.model.policy import Policy
from selbox.server.contexttexts import ContextTexts
from selbox.store.filecontextfiles import substitutions_beside, with_file_contexts
from selbox.store.filecontexts import FileContexts
from selbox.store.inputs import read_input
from selbox.typing import Final

_MODES: Final = {
    "file": S_IFREG,
    "dir": S_IFDIR,
    "chr_file": S_IFCHR,
    "blk_file": S_IFBLK,
    "sock_file": S_IFSOCK,
    "fifo_file": S_IFIFO,
    "lnk_file": S_IFLNK,
}


class FileLabels:
    """Looks labels up; nothing is read before the first one is asked for.

    Args:
        policy: whose names the contexts use.
        paths: files with file contexts besides those of the policy.

    Attributes:
        faults: what was wrong with these files. A file that cannot be read counts for nothing, and so does a line whose
            context the policy does not know.
    """

    def __init__(self, policy: Policy, paths: Sequence[str]) -> None:
        self._policy = policy
        self._paths = paths
        self._contexts: FileContexts | None = None
        self.faults: list[Diagnostic] = []

    def label(self, path: str, object_class: str) -> str | None:
        """Return the context of a path; None where file contexts say nothing of it, or to leave it alone.

        Args:
            path: an absolute path.
            object_class: name of a class of files.
        """
        if self._contexts is None:
            self._contexts = self._read()
        try:
            found = self._contexts.lookup(path, _MODES.get(object_class, 0))
        except SelboxError as error:  # a pattern is broken
            self.faults += (each for each in error.diagnostics if each not in self.faults)
            return None
        return None if found is None or found.context is None else format_context(self._policy, found.context)

    def _read(self) -> FileContexts:
        policy, texts = self._policy, ContextTexts(self._policy)
        if self._paths:
            policy = policy._replace(path_substitutions=substitutions_beside(self._paths[0]))
        for path in self._paths:
            try:
                lines = parse_file_contexts(read_input(path).text("file contexts"))
                known = [each for each in lines if each.context == NO_CONTEXT or texts.read(each.context)]
                policy = with_file_contexts(policy, known)
            except SelboxError as error:
                self.faults += (each._replace(severity=Severity.WARNING) for each in error.diagnostics)
                continue
            if len(known) < len(lines):
                words = f"the policy does not know {len(lines) - len(known)} of the {len(lines)} contexts in `{path}`"
                self.faults.append(Diagnostic("invalid-context", words, severity=Severity.WARNING))
        return FileContexts.of(policy)
