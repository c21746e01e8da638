"""``selbox install-links``: commands of their own for the verbs that go by names that people know."""

import os
import sys
from collections.abc import Iterable

from selbox.cli.output import JsonValue
from selbox.cli.registry import VERBS
from selbox.cli.terminal import Terminal
from selbox.cli.verb import Example, Manual, UsageError
from selbox.diagnostics import Diagnostic, SelboxError, did_you_mean
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

PROGRAM: Final = "selbox"

MANUAL = Manual(
    description="""
Makes symbolic links to selbox in DIR, one for each verb that goes by the name of a program that people know, such as
`sesearch` or `audit2allow`. Run by such a name, selbox is that program: `DIR/sesearch -A policy.33` is
`selbox sesearch -A policy.33`.

DIR is made where it is not there. Links that are there already stay. Where something else is there by one of the
names, nothing is made at all, unless --force says that it may be replaced; what is a directory stays in any case.
""",
    examples=(
        Example("For everybody, before the originals on most PATHs:", "selbox install-links /usr/local/bin"),
        Example("Only for some names:", "selbox install-links ~/.local/bin seinfo sesearch"),
        Example("Which names are there?", "selbox install-links --list"),
    ),
)


class Links(NamedTuple):
    """What was made.

    Attributes:
        directory: where; None when names were only listed.
        made: names of new links.
        kept: names of links that had been there.
    """

    directory: str | None
    made: tuple[str, ...]
    kept: tuple[str, ...]

    @property
    def exit_status(self) -> int:
        """Always 0."""
        return 0

    def to_text(self, terminal: Terminal) -> str:  # noqa: ARG002 - every result is asked so
        """Return the names, and where they are."""
        if self.directory is None:
            return "\n".join(self.made)
        kept = f"; {len(self.kept)} were there" if self.kept else ""
        names = f": {' '.join(self.made)}" if self.made else ""
        return f"{len(self.made)} links in {self.directory}{names}{kept}"

    def to_json(self) -> JsonValue:
        """Return what was made."""
        return self._asdict()


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``selbox install-links``."""
    parser.add_argument("directory", nargs="?", metavar="DIR", help="where the links are made")
    parser.add_argument("names", nargs="*", metavar="NAME", help="verbs to make links for (default: all)")
    parser.add_argument("--force", action="store_true", help="replace other files of the same names")
    parser.add_argument("--list", action="store_true", help="list the names, and make nothing")


def run(arguments: "Namespace") -> Links:
    """Make the links."""
    known = tuple(name for name, entry in VERBS.items() if entry.known)
    if arguments.list:
        return Links(None, known, ())
    if arguments.directory is None:
        raise UsageError.of("usage", "no directory for the links is given", help="name it as the first argument")
    for name in arguments.names:
        if name not in known:
            advice = did_you_mean(name, known) or "`selbox install-links --list` lists those that can"
            raise UsageError.of("usage", f"`{name}` is no verb that can be a command of its own", help=advice)
    return install(arguments.directory, arguments.names or known, program(), force=arguments.force)


def program() -> str:
    """Return the path of the selbox that runs, or of the one beside the Python that runs it.

    Raises:
        SelboxError: ``no-program``, where there is neither.
    """
    beside = os.path.join(os.path.dirname(sys.executable), PROGRAM)
    for path in (sys.argv[0], beside):
        if os.path.basename(path) == PROGRAM and os.access(path, os.X_OK) and not os.path.isdir(path):
            return os.path.abspath(path)
    raise SelboxError.of(
        "no-program",
        f"links need a program to lead to, and there is no `{PROGRAM}` beside `{sys.executable}`",
        help="install selbox with pip, and run it by its name",
    )


def install(directory: str, names: Iterable[str], target: str, *, force: bool) -> Links:
    """Make links, all of them or none.

    Args:
        directory: where.
        names: of the links.
        target: what they lead to.
        force: whether files in the way are replaced.

    Raises:
        SelboxError: ``file-unwritable``.
    """
    made: list[str] = []
    kept: list[str] = []
    for name in names:
        path = os.path.join(directory, name)
        (kept if os.path.islink(path) and os.readlink(path) == target else made).append(name)
    in_the_way = [each for each in made if _is_in_the_way(os.path.join(directory, each), force)]
    if in_the_way:
        raise SelboxError(
            *(
                Diagnostic(
                    "file-unwritable",
                    f"`{os.path.join(directory, each)}` is there already, and is no link to `{target}`",
                    help="--force replaces files",
                )
                for each in in_the_way
            )
        )
    try:
        os.makedirs(directory, exist_ok=True)
        for name in made:
            path = os.path.join(directory, name)
            temporary = f"{path}.{os.getpid()}"
            os.symlink(target, temporary)
            os.replace(temporary, path)
    except OSError as error:
        words = f"cannot make links in `{directory}`: {error.strerror}"
        raise SelboxError.of("file-unwritable", words) from None
    return Links(directory, tuple(made), tuple(kept))


def _is_in_the_way(path: str, force: bool) -> bool:
    return os.path.lexists(path) and (not force or (os.path.isdir(path) and not os.path.islink(path)))
