"""Labels that the user gives by path: ``--label PATH=CONTEXT``."""

import os
from collections.abc import Mapping, Sequence

from selbox.diagnostics import Diagnostics

_DIRECTORIES_KEPT = 4096


class PathLabels:
    """A label for a path and everything below it; of several that hold a path, the longest decides.

    Args:
        labels: context by absolute path, without a final slash (but ``/`` itself).
    """

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = {"" if path == "/" else path: context for path, context in labels.items()}
        self._of_directories: dict[str, str | None] = {}

    @classmethod
    def parse(cls, arguments: Sequence[str], directory: str) -> "PathLabels":
        """Read the arguments of ``--label``.

        Symbolic links in the path are followed, so that the label meets the file by whatever name it is opened. A path
        that is a link itself, without a final slash, labels the link too; what it leads to may be given another label
        by its own name. The context is taken as it is; whether the policy has it is for the security server to say.

        Args:
            arguments: each ``PATH=CONTEXT``; a path may hold ``=``, a context cannot.
            directory: where relative paths start.

        Raises:
            SelboxError: codes ``label-argument``, ``label-missing-file`` and ``label-conflict``, for all arguments.
        """
        labels: dict[str, str] = {}
        led_to: dict[str, str] = {}
        diagnostics = Diagnostics()
        for argument in arguments:
            name, separator, context = argument.rpartition("=")
            if not (separator and name and context):
                diagnostics.error(
                    "label-argument",
                    f"`{argument}` is not PATH=CONTEXT",
                    help="such as `--label data/secret=system_u:object_r:secret_t:s0`",
                )
                continue
            path = os.path.realpath(os.path.join(directory, name))
            link = _link(os.path.join(directory, name))
            if link is not None:
                led_to[path] = context
                path = link
            if not os.path.lexists(path):
                diagnostics.error(
                    "label-missing-file",
                    f"the file `{name}` that is to be labelled does not exist",
                    help=f"looked for at {path}",
                )
            elif labels.setdefault(path, context) != context:
                diagnostics.error("label-conflict", f"`{path}` is given two labels, `{labels[path]}` and `{context}`")
        diagnostics.raise_if_errors()
        return cls(led_to | labels)

    def __len__(self) -> int:
        return len(self._labels)

    def contexts(self) -> frozenset[str]:
        """Return every context that is given, so that the caller can check them before anything runs."""
        return frozenset(self._labels.values())

    def lookup_in(self, directory: str, path: str) -> str | None:
        """Return what :meth:`lookup` says of a path in a directory, sooner where others in it were asked for before."""
        label = self._labels.get(path)
        if label is not None:
            return label
        try:
            return self._of_directories[directory]
        except KeyError:
            pass
        if len(self._of_directories) >= _DIRECTORIES_KEPT:
            self._of_directories.clear()
        label = self._of_directories[directory] = self.lookup(directory)
        return label

    def lookup(self, path: str) -> str | None:
        """Return the label of an absolute path, or None."""
        labels = self._labels
        end = len(path) if labels else -1
        while end >= 0:
            context = labels.get(path[:end])
            if context is not None:
                return context
            end = path.rfind("/", 0, end)
        return None


def _link(path: str) -> str | None:
    """Return the path of a symbolic link, without others on the way to it; None for what is none."""
    if not os.path.islink(path):
        return None
    directory, name = os.path.split(path)
    return os.path.join(os.path.realpath(directory), name)
