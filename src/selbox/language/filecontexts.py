"""File contexts as libselinux and ``setfiles`` read them: a line for each pattern.

Source: ``file_contexts(5)``, and ``read_spec_entries`` of libselinux.
"""

import re
from collections.abc import Iterable

from selbox.diagnostics import Diagnostics, SourceFile, Span
from selbox.model.labelling import FileKind, PathSubstitution
from selbox.typing import Final, NamedTuple

NO_CONTEXT: Final = "<<none>>"
"""What stands for a context where files are to be left alone."""

_KINDS: Final = {
    "--": FileKind.FILE,
    "-d": FileKind.DIRECTORY,
    "-c": FileKind.CHARACTER,
    "-b": FileKind.BLOCK,
    "-s": FileKind.SOCKET,
    "-p": FileKind.PIPE,
    "-l": FileKind.SYMLINK,
}
_HOME: Final = "HOME_DIR"
_HOME_ROOT: Final = "HOME_ROOT"
_LOGINS: Final = (("/home/[^/]+", "[0-9]+", "[^/]+"), ("/root", "0", "root"))
"""Home directory, number and name of any user, and of root."""
_WORD: Final = re.compile(r"\S+")
_LINE: Final = re.compile(r"\s*([^\s#]\S*)\s+(?:(-[-bcdlps])\s+)?(\S+)\s*")
"""A line with nothing wrong, as nearly all are; any other is looked at word by word."""


class FileContextLine(NamedTuple):
    """One line.

    Attributes:
        pattern: regular expression over the whole path.
        kind: the kind of file it is for.
        context: text of the context, which may be :data:`NO_CONTEXT`.
        source: the file.
        number: of the line in it, from 1.
        pattern_column: where the pattern begins, from 1, as it is written.
        context_column: where the context does.
        pattern_size: characters of the pattern as it is written.
        context_size: those of the context.
    """

    pattern: str
    kind: FileKind
    context: str
    source: SourceFile
    number: int
    pattern_column: int
    context_column: int
    pattern_size: int
    context_size: int

    @property
    def pattern_span(self) -> Span:
        """Place of the pattern."""
        return Span(self.source, self.number, self.pattern_column, self.pattern_size)

    @property
    def context_span(self) -> Span:
        """Place of the context."""
        return Span(self.source, self.number, self.context_column, self.context_size)


def parse_file_contexts(source: SourceFile, collected: Diagnostics | None = None) -> list[FileContextLine]:
    """Read file contexts; empty lines and those that begin with ``#`` say nothing.

    Args:
        source: the text.
        collected: takes the errors of a caller who goes on with the other lines; None raises them.

    Raises:
        SelboxError: ``file-context-syntax``, with every line that is wrong.
    """
    diagnostics = Diagnostics() if collected is None else collected
    lines: list[FileContextLine] = []
    for number, text in enumerate(source.text.split("\n"), 1):
        match = _LINE.fullmatch(text)
        if match is not None:
            pattern, word, context = match.groups()
            kind = FileKind.ANY if word is None else _KINDS[word]
            columns = match.start(1) + 1, match.start(3) + 1
            lines.append(FileContextLine(pattern, kind, context, source, number, *columns, len(pattern), len(context)))
            continue
        words = [(each[0], Span(source, number, each.start() + 1, len(each[0]))) for each in _WORD.finditer(text)]
        if not words or words[0][0].startswith("#"):
            continue
        if len(words) not in (2, 3):
            diagnostics.error(
                "file-context-syntax",
                f"a line of file contexts has two or three words, and this one {len(words)}",
                Span(source, number, 1, len(text)),
                "write `PATTERN CONTEXT`, or `PATTERN -d CONTEXT` for one kind of file",
            )
        else:  # of three words, or it would have been the pattern above
            diagnostics.error(
                "file-context-syntax",
                f"`{words[1][0]}` is no kind of file",
                words[1][1],
                "kinds are " + ", ".join(f"`{each}`" for each in _KINDS),
            )
    if collected is None:
        diagnostics.raise_if_errors()
    return lines


def for_homes(lines: Iterable[FileContextLine], user: str) -> list[FileContextLine]:
    """Return file contexts with their templates written out: for every home directory below ``/home``, and for root's.

    Args:
        lines: as a policy's modules have them.
        user: SELinux user that whoever logs in is by default, whose the files are; empty leaves it as it is.

    Source: ``genhomedircon``, which is part of libsemanage.
    """
    found: list[FileContextLine] = []
    for line in lines:
        if not is_template(line.pattern):
            found.append(line)
            continue
        context = line.context
        if user and not line.pattern.startswith(_HOME_ROOT):
            _, separator, rest = context.partition(":")
            context = f"{user}:{rest}" if separator else context
        found += [line._replace(pattern=pattern, context=context) for pattern in written_out(line.pattern)]
    return found


def is_template(pattern: str) -> bool:
    """Tell whether a pattern is about home directories, wherever these are."""
    return pattern.startswith((_HOME, _HOME_ROOT)) or "%{USER" in pattern


def written_out(template: str) -> tuple[str, ...]:
    """Return the patterns that a template stands for: those of every user's files and of root's.

    One for the directory that holds homes stands for one, and the files are nobody's.
    """
    if template.startswith(_HOME_ROOT):
        return ("/home" + template[len(_HOME_ROOT) :],)
    return tuple(
        template.replace(_HOME, home).replace("%{USERID}", number).replace("%{USERNAME}", name)
        for home, number, name in _LOGINS
    )


def homes_apart(source: SourceFile, user: str) -> tuple[str, str]:
    """Return a text of file contexts without its templates, and the text of these written out.

    Args:
        source: the text.
        user: as for :func:`for_homes`.

    Raises:
        SelboxError: ``file-context-syntax``.
    """
    templates = [line for line in parse_file_contexts(source) if is_template(line.pattern)]
    numbers = {line.number for line in templates}
    rest = [text for number, text in enumerate(source.text.split("\n"), 1) if number not in numbers]
    words = {kind: f"{word}\t" for word, kind in _KINDS.items()} | {FileKind.ANY: ""}
    homes = [f"{line.pattern}\t{words[line.kind]}{line.context}\n" for line in for_homes(templates, user)]
    return "\n".join(rest), "".join(homes)


def parse_substitutions(source: SourceFile) -> tuple[PathSubstitution, ...]:
    """Read the substitutions of a file such as ``file_contexts.subs_dist``, in the order in which they are tried.

    A line that does not have two words says nothing, and neither does what comes after them.

    Source: ``selabel_subs_init`` of libselinux, which tries the last line first.
    """
    lines = (line.split() for line in source.text.split("\n"))
    found = [PathSubstitution(words[0], words[1]) for words in lines if len(words) > 1 and words[0][0] != "#"]
    return tuple(reversed(found))
