"""Files of file contexts that belong together, read as they are: who finds kept what they say need not parse them."""

import os

from selbox.diagnostics import Diagnostics, SourceFile
from selbox.model.policy import Policy
from selbox.store.inputs import read_input
from selbox.typing import Final, NamedTuple

_HOMES: Final = ".homedirs"
"""Ends the name of the file with the contexts of home directories, which are written out where there is none."""

_FURTHER: Final = (_HOMES, ".local")
"""What the names of further file contexts have after that of the file that they stand beside."""

_SUBSTITUTIONS: Final = (".subs", ".subs_dist")
"""Likewise, of directories that are labelled as others, in the order in which they are asked."""


class FileContextTexts(NamedTuple):
    """A file of file contexts, and what belongs to it.

    Attributes:
        contexts: itself, then those beside it.
        substitutions: of directories.
    """

    contexts: tuple[SourceFile, ...]
    substitutions: tuple[SourceFile, ...]

    def labelled(self, policy: Policy, collected: Diagnostics | None = None) -> Policy:
        """Return a policy with these file contexts besides its own.

        Args:
            policy: without them.
            collected: takes what is wrong, and nothing is raised; such lines are left out.

        Raises:
            SelboxError: for what is no file context of this policy.
        """
        from selbox.language.filecontexts import is_template, parse_file_contexts, parse_substitutions
        from selbox.store.filecontextfiles import with_file_contexts

        diagnostics = Diagnostics() if collected is None else collected
        lines = [line for text in self.contexts for line in parse_file_contexts(text, diagnostics)]
        if any(each.name.endswith(_HOMES) for each in self.contexts):
            lines = [line for line in lines if not is_template(line.pattern)]  # they are written out there
        labelled = with_file_contexts(policy, lines, diagnostics)
        if collected is None:
            diagnostics.raise_if_errors()
        return labelled._replace(path_substitutions=tuple(map(parse_substitutions, self.substitutions)))


def file_context_texts(path: str) -> FileContextTexts:
    """Read a file of file contexts, and the files that stand beside it and are named after it.

    Raises:
        SelboxError: when one cannot be read.

    Source: ``init`` of libselinux's ``label_file.c``.
    """
    beside = [path + ending for ending in _FURTHER if os.path.exists(path + ending)]
    contexts = tuple(read_input(each).text("file contexts") for each in (path, *beside))
    return FileContextTexts(contexts, substitution_texts(path))


def substitution_texts(path: str) -> tuple[SourceFile, ...]:
    """Read the substitutions that belong to a file of file contexts.

    Raises:
        SelboxError: when one cannot be read.
    """
    beside = [path + ending for ending in _SUBSTITUTIONS if os.path.exists(path + ending)]
    return tuple(read_input(each).text("substitutions of paths") for each in beside)
