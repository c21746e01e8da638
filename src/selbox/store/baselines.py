"""What compilations of large policies leave behind, kept from one run to the next.

An entry holds every source as it was and is used only for the same files, options and compiler; what has changed in the
sources since is compared byte for byte. It may be thrown away at any time.
"""

import marshal
import sys
import zlib
from collections.abc import Mapping, Sequence
from mmap import ACCESS_READ, mmap
from struct import Struct
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

import selbox
from selbox.diagnostics import Diagnostic, Severity, SourceFile, Span
from selbox.store.keptfiles import KeptFiles
from selbox.store.ownfiles import files_state

if TYPE_CHECKING:
    from selbox.compiler.baseline import Baseline
    from selbox.compiler.windows import Window

LEAST: Final = 1 << 20
"""Characters of source under which nothing is kept: such a policy is compiled at once."""

MOST: Final = 1 << 27
"""Characters of source above which nothing is kept: an entry holds them all."""

_MAGIC: Final = b"selbox baseline\n"
_HEAD: Final = Struct("<16sQII")
_ROOMS: Final = (
    "compiler",
    "compiler/text",
    "language/cil",
    "model",
    "binary",
    "binary/kernel",
    "diagnostics",
    "store",
)

Place = tuple[int, int, int, int]
"""Number of a source, line, column and length."""

Warned = tuple[str, str, Place | None, str, tuple[tuple[str, Place | None], ...]]
"""A warning in plain values, in the order of :class:`selbox.diagnostics.Diagnostic`."""


class Request(NamedTuple):
    """What was asked for, apart from what the sources say.

    Attributes:
        names: of the sources, in order.
        asked: everything else that makes a difference to what is compiled and written.
    """

    names: tuple[str, ...]
    asked: str


class Entry(NamedTuple):
    """What a compilation left.

    Attributes:
        lengths: bytes of each source.
        warnings: of the compilation.
        baseline: what the compiler can start from.
    """

    lengths: tuple[int, ...]
    warnings: tuple[Warned, ...]
    baseline: "Baseline"


class BaselineStore(KeptFiles):
    """Entries in a directory that only its owner can write."""

    kind = "baselines"
    most = 4

    def get(self, request: Request, sources: Sequence[SourceFile]) -> "tuple[Entry, dict[int, str]] | None":
        """Return what a compilation of these files left, and the earlier texts of those that have changed since.

        Args:
            request: what is asked for.
            sources: the sources now.

        Returns:
            None when there is nothing.
        """
        from selbox.compiler.baseline import Baseline

        try:
            with (
                self._open(_name(request)) as stream,
                mmap(stream.fileno(), 0, access=ACCESS_READ) as content,
            ):
                magic, size, *sums = _HEAD.unpack_from(content)
                end = _HEAD.size + size
                index = content[_HEAD.size : end]
                if magic != _MAGIC or len(index) != size or sums != _sums(index):
                    return None
                key, lengths, warnings, parts = marshal.loads(index)  # noqa: S302 - the user's own file, whole
                if key != _key(request) or len(lengths) != len(sources) or len(content) != end + sum(lengths):
                    return None
                earlier: dict[int, str] = {}
                for number, (source, length) in enumerate(zip(sources, lengths, strict=True)):
                    text = content[end : end + length]
                    if text != _encoded(source):
                        earlier[number] = _decoded(text)
                    end += length
        except (OSError, ValueError, EOFError, TypeError, UnicodeError):
            return None  # whatever is wrong with an entry, the policy is compiled
        return Entry(lengths, warnings, Baseline.of_plain(parts)), earlier

    def put(
        self,
        request: Request,
        sources: Sequence[SourceFile],
        warnings: Sequence[Diagnostic],
        baseline: "Baseline",
    ) -> None:
        """Keep what a compilation left, whole or not at all; where nothing can be written, nothing is kept."""
        plain = _plain_warnings(warnings, sources)
        if plain is None:
            return
        texts = [_encoded(source) for source in sources]
        lengths = tuple(map(len, texts))
        index = marshal.dumps((_key(request), lengths, plain, baseline.plain()))

        def write(stream: BinaryIO) -> None:
            stream.write(_HEAD.pack(_MAGIC, len(index), *_sums(index)))
            stream.write(index)
            stream.writelines(texts)

        self._write(_name(request), write)


def is_worth_keeping(sources: Sequence[SourceFile]) -> bool:
    """Tell whether a policy is large enough to be kept, and not too large."""
    return LEAST <= sum(len(source.text) for source in sources) <= MOST


def warnings_now(
    entry: Entry, sources: Sequence[SourceFile], earlier: Mapping[int, str], windows: "Mapping[int, Sequence[Window]]"
) -> list[Diagnostic] | None:
    """Return the warnings of a compilation, with the places that they have now.

    Args:
        entry: what the compilation left.
        sources: the sources now.
        earlier: the texts that were compiled, of those that differ.
        windows: what was read again.

    Returns:
        None when one of the warnings is where something was read again, or is not about a place.
    """

    def moved(place: Place | None) -> Span | None:
        if place is None:
            raise LookupError
        number, line, column, length = place
        now = sources[number].text
        before = earlier.get(number, now)
        offset = at = sum(len(each) + 1 for each in before.split("\n")[: line - 1]) + column - 1
        for window in windows.get(number, ()):
            if window.start <= offset < window.end:
                raise LookupError
            if offset >= window.end:
                at = offset + window.now_end - window.end
        line = now.count("\n", 0, at) + 1
        return Span(sources[number], line, at - now.rfind("\n", 0, at), length)

    try:
        return [
            Diagnostic(
                code,
                message,
                moved(place),
                advice,
                tuple((words, moved(each)) for words, each in notes),
                Severity.WARNING,
            )
            for code, message, place, advice, notes in entry.warnings
        ]
    except LookupError:
        return None


def _name(request: Request) -> str:
    asked = repr(tuple(request)).encode("utf-8", "surrogatepass")
    return "".join(f"{each:08x}" for each in _sums(asked))


def _key(request: Request) -> tuple[Any, ...]:
    return (selbox.__version__, sys.hexversion, files_state(_ROOMS), *request)


def _sums(content: bytes) -> list[int]:
    """Return two checksums, against accidents; that the file is the user's own is what keeps others out."""
    return [zlib.crc32(content), zlib.adler32(content)]


def _encoded(source: SourceFile) -> bytes:
    return source.text.encode("utf-8", "surrogatepass")


def _decoded(content: bytes) -> str:
    return content.decode("utf-8", "surrogatepass")


def _plain_warnings(warnings: Sequence[Diagnostic], sources: Sequence[SourceFile]) -> tuple[Warned, ...] | None:
    """Return warnings in plain values; None when one is about something else than the sources."""
    numbers = {id(source): number for number, source in enumerate(sources)}

    def plain(span: Span | None) -> Place | None:
        return None if span is None else (numbers[id(span.source)], span.line, span.column, span.length)

    try:
        return tuple(
            (
                each.code,
                each.message,
                plain(each.span),
                each.help,
                tuple((words, plain(at)) for words, at in each.notes),
            )
            for each in warnings
        )
    except KeyError:
        return None
