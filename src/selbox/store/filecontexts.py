"""Which context does policy give a path? The lookup behind ``matchpathcon``, ``restorecon`` and unlabelled files.

A policy like Debian's has 5,700 entries, and a box that starts asks about a few dozen paths, so nothing is read
before the first lookup, entries are found by the fixed text that their pattern begins with, and the great majority
(``/usr/share(/.*)?``) is decided without a regular expression at all. Those that need one compile it when a path
first gets as far as asking.
"""

import re
from collections.abc import Iterator, Sequence
from stat import S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK

from selbox.diagnostics import Diagnostic, SelboxError
from selbox.model.labelling import FileContext, FileKind, PathSubstitution
from selbox.model.origin import Origin
from selbox.model.policy import Policy
from selbox.store.pathpattern import PatternShape, Tail, as_bytes_text, pattern_shape, pattern_suffix
from selbox.typing import ClassVar

_FILE_TYPES = {
    FileKind.ANY: 0,
    FileKind.FILE: S_IFREG,
    FileKind.DIRECTORY: S_IFDIR,
    FileKind.CHARACTER: S_IFCHR,
    FileKind.BLOCK: S_IFBLK,
    FileKind.SOCKET: S_IFSOCK,
    FileKind.PIPE: S_IFIFO,
    FileKind.SYMLINK: S_IFLNK,
}
# The order of secilc's `enum cil_filecon_types`: of two entries that differ only in kind, the later one wins.
_KIND_ORDER = {kind: place for place, kind in enumerate(_FILE_TYPES)}


_REMEMBERED_DIRECTORIES = 4096


class _Entry:
    """One entry, and its regular expression where it needs one.

    Attributes:
        suffix: what a matching path ends with; None until the entry is first a candidate.
    """

    __slots__ = ("expression", "file_context", "file_type", "needs_expression", "suffix")

    def __init__(self, file_context: FileContext, tail: Tail) -> None:
        self.file_context = file_context
        self.file_type = _FILE_TYPES[file_context.kind]
        self.needs_expression = tail is Tail.PATTERN
        self.suffix: str | None = None if self.needs_expression else ""
        self.expression: re.Pattern[str] | None = None

    def ending(self) -> str:
        """Return the suffix. Most candidates fail by it, several times faster than by an expression."""
        if self.suffix is None:
            self.suffix = pattern_suffix(as_bytes_text(self.file_context.pattern))
        return self.suffix

    def compile(self) -> re.Pattern[str]:
        """Return the compiled pattern."""
        if self.expression is None:
            from selbox.store.pcre import compile_pattern  # its tables wait until a path needs an expression

            self.expression = compile_pattern(as_bytes_text(self.file_context.pattern))
        return self.expression


class FileContexts:
    """Looks up the policy's ``filecon`` entries by path and kind of file.

    Args:
        entries: as they stand in ``Policy.file_contexts``, in any order.
        origins: ``Policy.origins``, so that messages can name the place of a broken entry.
        substitutions: ``Policy.path_substitutions``: rounds of what stands for the beginning of a path. In each round
            the first that fits is taken.
        login: id of the user that whoever logs in is by default, whose are the files that templates for home
            directories stand for; None leaves them as they are.
    """

    _latest: "ClassVar[tuple[tuple[object, object, object], FileContexts] | None]" = None

    def __init__(
        self,
        entries: Sequence[FileContext],
        origins: Sequence[Origin] = (),
        substitutions: Sequence[Sequence[PathSubstitution]] = (),
        login: int | None = None,
    ) -> None:
        self._entries = entries
        self._login = login
        self._origins = origins
        self._substitutions = [(tuple(one.source for one in each), each) for each in substitutions]
        self._is_indexed = False
        self._ranked: list[_Entry] = []
        self._exact: dict[str, list[int]] = {}
        self._below: dict[str, list[int]] = {}
        self._partial: dict[str, list[int]] = {}
        self._partial_lengths: dict[str, list[int]] = {}
        self._remembered: dict[str, list[int]] = {}

    @classmethod
    def of(cls, policy: Policy) -> "FileContexts":
        """Return those of a policy; of the policy that was asked about last, with what they have indexed since."""
        given = (policy.file_contexts, policy.origins, policy.path_substitutions)
        if cls._latest is None or any(one is not other for one, other in zip(cls._latest[0], given, strict=True)):
            cls._latest = given, cls(*given, policy.user_ids.get(default_user(policy)))
        return cls._latest[1]

    def lookup(self, path: str, mode: int) -> FileContext | None:
        """Return the entry that labels a path, or None when no entry matches.

        Entries are tried from the most to the least specific, and the first that matches decides, even when it says
        ``<<none>>``. Repeated and final slashes of the path do not count.

        Source: ``lookup_all`` of libselinux's ``label_file.c``, with two departures: the pattern must match the whole
        path (libselinux's anchors bind to the first and last of several top-level alternatives, and let a path end in
        a newline), and escapes in a pattern's first component are understood.

        Args:
            path: an absolute path, undecodable bytes as ``os.fsdecode`` gives them.
            mode: ``st_mode`` of the file; only its file type counts, and 0 matches the entries of every kind.

        Returns:
            The entry; its context is None where it says ``<<none>>``: leave such a file alone.

        Raises:
            SelboxError: code ``file-context-pattern`` when an entry that could decide has a broken pattern.
        """
        if not self._is_indexed:
            self._index()
        if not path.isascii():
            path = as_bytes_text(path)
        if "//" in path:
            path = re.sub("/+", "/", path)
        if path[-1:] == "/" and len(path) > 1:
            path = path[:-1]
        for sources, substitutions in self._substitutions:
            if path.startswith(sources):
                path = _substituted(path, substitutions)
        file_type = S_IFMT(mode)
        ranked = self._ranked
        for rank in self._candidates(path):
            entry = ranked[rank]
            suffix = entry.suffix
            if not path.endswith(entry.ending() if suffix is None else suffix):
                continue
            if file_type and entry.file_type and entry.file_type != file_type:
                continue
            if not entry.needs_expression or self._matches(entry, path):
                return entry.file_context
        return None

    def check(self) -> tuple[Diagnostic, ...]:
        """Compile every pattern now and return an error for each that is broken.

        Lookups find broken patterns too, but only when a path asks for them. This costs some 0.3 ms for each entry
        that needs a regular expression.
        """
        if not self._is_indexed:
            self._index()
        found: list[Diagnostic] = []
        for entry in self._ranked:
            if entry.needs_expression:
                try:
                    entry.compile()
                except SelboxError as error:
                    found += self._placed(error, entry).diagnostics
        return tuple(found)

    def _matches(self, entry: _Entry, path: str) -> bool:
        try:
            return entry.compile().fullmatch(path) is not None
        except SelboxError as error:
            raise self._placed(error, entry) from error

    def _placed(self, error: SelboxError, entry: _Entry) -> SelboxError:
        """Add the place where the policy has the entry, if it is known."""
        number = entry.file_context.origin
        if not 0 < number <= len(self._origins):
            return error
        notes = ((f"written at {self._origins[number - 1].place}", None),)
        return SelboxError(*(each._replace(notes=notes) for each in error.diagnostics))

    def _candidates(self, path: str) -> list[int]:
        """Return the ranks of the entries that begin as the path does, most specific first."""
        directory = path[: path.rfind("/") + 1]
        found = self._remembered.get(directory)
        if found is None:
            found = self._remember(directory)
        exact = self._exact.get(path)
        lengths = self._partial_lengths.get(directory)
        if exact is None and lengths is None:
            return found
        found = found + (exact or [])
        for length in lengths or ():
            found += self._partial.get(path[:length], ())
        found.sort(reverse=True)
        return found

    def _remember(self, directory: str) -> list[int]:
        """Return the ranks of the entries that could match any path below a directory, most specific first.

        Args:
            directory: with its final slash.
        """
        parts = directory.split("/")[:-1]
        found: list[int] = []
        above = ""
        for part in parts:
            name = above + part
            for length in self._partial_lengths.get(above, ()):
                if length <= len(name):
                    found += self._partial.get(name[:length], ())
            above = name + "/"
            found += self._below.get(above, ())
        found.sort(reverse=True)
        if len(self._remembered) >= _REMEMBERED_DIRECTORIES:
            self._remembered.clear()
        self._remembered[directory] = found
        return found

    def _index(self) -> None:
        if any(each.pattern[:1] != "/" or _OF_USER in each.pattern for each in self._entries):
            self._entries = list(self._homes_written_out())
        shapes = [pattern_shape(as_bytes_text(each.pattern)) for each in self._entries]
        order = sorted(range(len(shapes)), key=lambda place: _specificity(self._entries[place], shapes[place]))
        lengths: dict[str, set[int]] = {}
        # INVARIANT: a greater rank is a more specific entry; of those that match, the greatest decides.
        for rank, place in enumerate(order):
            shape = shapes[place]
            self._ranked.append(_Entry(self._entries[place], shape.tail))
            prefix = shape.prefix
            if shape.tail is Tail.NOTHING:
                self._exact.setdefault(prefix, []).append(rank)
            elif shape.tail is Tail.SUBTREE:
                self._exact.setdefault(prefix, []).append(rank)
                self._below.setdefault(prefix + "/", []).append(rank)
            elif prefix.endswith("/"):
                self._below.setdefault(prefix, []).append(rank)
            else:
                self._partial.setdefault(prefix, []).append(rank)
                lengths.setdefault(prefix[: prefix.rfind("/") + 1], set()).add(len(prefix))
        self._partial_lengths = {directory: sorted(each) for directory, each in lengths.items()}
        self._is_indexed = True

    def _homes_written_out(self) -> Iterator[FileContext]:
        """Iterate over the entries, with what templates stand for in their place."""
        from selbox.language.filecontexts import (  # few policies come without homes of their own
            is_template,
            written_out,
        )

        for entry in self._entries:
            if not is_template(entry.pattern):
                yield entry
                continue
            patterns, context = written_out(entry.pattern), entry.context
            if context is not None and self._login is not None and len(patterns) > 1:
                context = context._replace(user=self._login)
            for pattern in patterns:
                yield entry._replace(pattern=pattern, context=context)


_DEFAULT_USERS = ("unconfined_u", "user_u", "system_u")
"""Whom distributions have somebody be who logs in; the first that the policy has counts."""

_OF_USER = "%{USER"


def default_user(policy: Policy) -> str:
    """Return the SELinux user that whoever logs in is by default, or an empty text."""
    return next((each for each in _DEFAULT_USERS if each in policy.user_ids), "")


def _substituted(path: str, substitutions: Sequence[PathSubstitution]) -> str:
    """Return the path that stands for one when labels are looked up.

    Source: ``selabel_sub`` of libselinux.
    """
    for source, target in substitutions:
        if path.startswith(source) and path[len(source) : len(source) + 1] in ("", "/"):
            rest = path[len(source) :]
            return target + (rest[1:] if target == "/" else rest)
    return path


def _specificity(entry: FileContext, shape: PatternShape) -> tuple[bool, int, int, int, str]:
    """Return the sort key of an entry, less specific first.

    Source: ``cil_post_filecon_compare`` of secilc; libselinux then only moves the exact paths behind the others,
    where they already are.
    """
    return (shape.is_exact, shape.stem_length, shape.length, _KIND_ORDER[entry.kind], entry.pattern)
