"""What compilations of large policies leave behind, kept from one run to the next.

An entry holds every source as it was, and the file that it was translated from. It is used only for the same options
and compiler, and for the same files but for some that have come or gone; what has changed in them since is compared
byte for byte. It may be thrown away at any time.
"""

import marshal
import os
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate
from mmap import ACCESS_READ, mmap
from struct import Struct, error

import selbox
from selbox.diagnostics import Diagnostic, SourceFile, Span
from selbox.store.keptfiles import KeptFiles
from selbox.store.ownfiles import files_state
from selbox.store.plainwarnings import Place, Warned, plain_warnings, whole_warnings
from selbox.typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple, overload

if TYPE_CHECKING:
    from selbox.compiler.baseline import Baseline
    from selbox.compiler.windows import Window

LEAST: Final = 1 << 20
"""Characters of source under which nothing is kept: such a policy is compiled at once."""

MOST: Final = 1 << 27
"""Characters of source above which nothing is kept: an entry holds them all."""

_MAGIC: Final = b"selbox baseline\n"
_HEAD: Final = Struct("<16sQQII")
_ROOMS: Final = (
    "compiler",
    "compiler/text",
    "compiler/text/modules",
    "language/cil",
    "model",
    "binary",
    "binary/kernel",
    "binary/modulesections",
    "diagnostics",
    "store",
)


class Request(NamedTuple):
    """What was asked for, apart from what the sources say.

    Attributes:
        names: of the sources, in order.
        asked: everything else that makes a difference to what is compiled and written.
    """

    names: tuple[str, ...]
    asked: str


class Texts(Sequence[str]):
    """The texts of sources now; one that is as it was is taken from what was kept when somebody looks at it.

    Args:
        read: gives the text of a source, by its number.
        count: how many sources there are.
    """

    def __init__(self, read: Callable[[int], str], count: int) -> None:
        self._read = read
        self._count = count
        self._known: dict[int, str] = {}

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, number: int) -> str: ...

    @overload
    def __getitem__(self, number: slice) -> list[str]: ...

    def __getitem__(self, number: int | slice) -> str | list[str]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(self._count))]
        if not 0 <= number < self._count:
            raise IndexError(number)
        text = self._known.get(number)
        if text is None:
            text = self._known[number] = self._read(number)
        return text


class Found(NamedTuple):
    """What a compilation left, and what has become of its sources.

    Attributes:
        warnings: of the compilation.
        baseline: what the compiler can start from.
        texts: the sources now.
        earlier: by number, the texts of the compilation where they differ.
        numbers: the numbers that the sources had; None for those that have come.
    """

    warnings: tuple[Warned, ...]
    baseline: "Baseline"
    texts: Sequence[str]
    earlier: dict[int, str]
    numbers: tuple[int | None, ...]


class BaselineStore(KeptFiles):
    """Entries in a directory that only its owner can write."""

    kind = "baselines"
    most = 4

    def get(self, request: Request, contents: Sequence[bytes], read: Callable[[int], str]) -> Found | None:
        """Return what a compilation of these files, or of most of them, left.

        Args:
            request: what is asked for.
            contents: the files now: texts, or packages that were translated.
            read: gives the text of one of them, by its number; asked only for files that are not as they were.

        Returns:
            None when there is nothing.

        Raises:
            SelboxError: from ``read``.
        """
        try:
            with self._found(request) as stream:
                content = mmap(stream.fileno(), 0, access=ACCESS_READ)
            return _entry(content, request, contents, read)
        except (OSError, ValueError, EOFError, TypeError, UnicodeError, error):
            return None  # whatever is wrong with an entry, the policy is compiled

    def _found(self, request: Request) -> BinaryIO:
        """Open the entry of a request, else the one that has most of its files.

        Raises:
            OSError: there is none.
        """
        try:
            return self._open(_name(request))
        except FileNotFoundError:
            pass
        names = set(request.names)
        best: tuple[int, str] = (len(names) // 2, "")
        with os.scandir(self._directory) as entries:
            for each in [entry.name for entry in entries]:
                with suppress(OSError, ValueError, EOFError, TypeError, error), self._open(each) as stream:
                    head = stream.read(_HEAD.size)
                    *state, earlier, asked = marshal.loads(stream.read(_HEAD.unpack(head)[1]))  # noqa: S302 - the user's own file
                    if (*state, asked) == (*_state(), request.asked):
                        best = max(best, (len(names.intersection(earlier)), each))
        if not best[1]:
            raise FileNotFoundError
        return self._open(best[1])

    def put(
        self,
        request: Request,
        sources: Sequence[SourceFile],
        contents: Sequence[bytes] | None,
        warnings: Sequence[Diagnostic],
        baseline: "Baseline",
    ) -> None:
        """Keep what a compilation left, whole or not at all; where nothing can be written, nothing is kept.

        Args:
            request: what was asked for.
            sources: what was compiled.
            contents: the files that the sources were made of; None when they are the sources.
            warnings: of the compilation.
            baseline: what it left.
        """
        plain = plain_warnings(warnings, sources)
        if plain is None:
            return
        files: Sequence[bytes] | None = contents
        if files is None:
            texts = files = [encoded(source.text) for source in sources]
        else:
            texts = list(map(_encoded_as, sources, files))
        # A file that is its text is kept once.
        others = [b"" if file is text or file == text else file for file, text in zip(files, texts, strict=True)]
        lengths = tuple(map(len, texts)), tuple(map(len, others))
        key = marshal.dumps(_key(request))
        index = marshal.dumps((lengths, plain, baseline.plain()))

        def write(stream: BinaryIO) -> None:
            stream.write(_HEAD.pack(_MAGIC, len(key), len(index), *_sums(key, index)))
            stream.write(key)
            stream.write(index)
            stream.writelines(texts)
            stream.writelines(others)

        self._write(_name(request), write)


def _entry(content: mmap, request: Request, contents: Sequence[bytes], read: Callable[[int], str]) -> Found | None:
    from selbox.compiler.baseline import Baseline

    magic, key_size, index_size, *sums = _HEAD.unpack_from(content)
    start = _HEAD.size + key_size
    end = start + index_size
    if magic != _MAGIC or sums != _sums(content[_HEAD.size : end]):
        return None
    *state, names, asked = marshal.loads(content[_HEAD.size : start])  # noqa: S302 - the user's own file, whole
    if (*state, asked) != (*_state(), request.asked):
        return None
    (text_lengths, file_lengths), warnings, parts = marshal.loads(content[start:end])  # noqa: S302 - likewise
    text_ends = list(accumulate(text_lengths, initial=end))
    file_ends = list(accumulate(file_lengths, initial=text_ends[-1]))
    if len(content) != file_ends[-1]:
        return None
    places = {name: number for number, name in enumerate(names)}
    numbers = tuple(places.get(name) for name in request.names)
    known = [number for number in numbers if number is not None]
    if len(places) < len(names) or known != sorted(set(known)):
        return None  # files that are named twice or in another order
    same: dict[int, int] = {}
    for now, number in enumerate(numbers):
        if number is not None:
            ends = file_ends if file_lengths[number] else text_ends
            if content[ends[number] : ends[number + 1]] == contents[now]:
                same[now] = number

    def text(now: int) -> str:
        number = same.get(now)
        return read(now) if number is None else decoded(content[text_ends[number] : text_ends[number + 1]])

    texts = Texts(text, len(numbers))
    earlier: dict[int, str] = {}
    for now, number in enumerate(numbers):
        if number is not None and now not in same:
            before = decoded(content[text_ends[number] : text_ends[number + 1]])
            if before != texts[now]:
                earlier[now] = before
    return Found(warnings, Baseline.of_plain(parts), texts, earlier, numbers)


def is_worth_keeping(sources: Sequence[SourceFile]) -> bool:
    """Tell whether a policy is large enough to be kept, and not too large."""
    return LEAST <= sum(len(source.text) for source in sources) <= MOST


def warnings_now(
    found: Found, names: Sequence[str], windows: "Mapping[int, Sequence[Window]]"
) -> list[Diagnostic] | None:
    """Return the warnings of a compilation, with the places that they have now.

    Args:
        found: what the compilation left.
        names: of the sources.
        windows: what was read again.

    Returns:
        None when one of the warnings is where something was read again or is no more, or is not about a place.
    """
    now_of = {number: now for now, number in enumerate(found.numbers)}

    def moved(place: Place | None) -> Span | None:
        if place is None or place[0] not in now_of:
            raise LookupError
        number, line, column, length = place
        now = now_of[number]
        text = found.texts[now]
        before = found.earlier.get(now, text)
        offset = at = sum(len(each) + 1 for each in before.split("\n")[: line - 1]) + column - 1
        for window in windows.get(now, ()):
            if window.start <= offset < window.end:
                raise LookupError
            if offset >= window.end:
                at = offset + window.now_end - window.end
        line = text.count("\n", 0, at) + 1
        return Span(SourceFile(names[now], text), line, at - text.rfind("\n", 0, at), length)

    try:
        return whole_warnings(found.warnings, moved)
    except LookupError:
        return None


def _name(request: Request) -> str:
    asked = repr(tuple(request)).encode("utf-8", "surrogatepass")
    return "".join(f"{each:08x}" for each in _sums(asked))


def _key(request: Request) -> tuple[Any, ...]:
    return (*_state(), *request)


def _state() -> tuple[Any, ...]:
    """Return what an entry must have been made by."""
    return selbox.__version__, sys.hexversion, files_state(_ROOMS)


def _sums(*parts: bytes) -> list[int]:
    """Return two checksums, against accidents; that the file is the user's own is what keeps others out."""
    sums = [0, 1]
    for part in parts:
        sums = [zlib.crc32(part, sums[0]), zlib.adler32(part, sums[1])]
    return sums


def _encoded_as(source: SourceFile, content: bytes) -> bytes:
    """Return the text of a source as bytes: those of the file that it was made of, where they are the same.

    A file of ASCII alone is neither packed nor a package: what can have come of it is its text, in which line ends may
    be shorter.
    """
    return content if len(content) == len(source.text) and content.isascii() else encoded(source.text)


def encoded(text: str) -> bytes:
    """Return a text as bytes; those of a file in which they were no UTF-8 are not what they were."""
    return text.encode("utf-8", "surrogatepass")


def decoded(content: bytes) -> str:
    """Return the text of :func:`encoded`."""
    return content.decode("utf-8", "surrogatepass")
