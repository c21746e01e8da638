"""Where a rule was written."""

from array import array
from bisect import bisect_right
from collections.abc import Sequence

from selbox.typing import Any, NamedTuple, overload


class Origin(NamedTuple):
    """A place in the policy's source: file name, line and column, both from 1."""

    file: str
    line: int
    column: int

    @property
    def place(self) -> str:
        """``file:line:column``."""
        return f"{self.file}:{self.line}:{self.column}"


class OriginTable(Sequence[Origin]):
    """The places of a large policy, in columns: line and column of a place are worked out when it is asked for.

    Attributes:
        files: names of the sources.
        line_starts: by source, the offset in characters of the beginning of each line.
        file: by place, the index of its source.
        offset: by place, its offset in the source.
    """

    __slots__ = ("file", "files", "line_starts", "offset")

    def __init__(
        self, files: "Sequence[str]", line_starts: "Sequence[array[int]]", file: "array[int]", offset: "array[int]"
    ) -> None:
        self.files = tuple(files)
        self.line_starts = line_starts
        self.file = file
        self.offset = offset

    def __len__(self) -> int:
        return len(self.offset)

    def __reduce__(self) -> tuple[Any, ...]:
        """Have the places kept by themselves, without what finds line starts that have not been asked for."""
        return OriginTable, (self.files, tuple(self.line_starts), self.file, self.offset)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OriginTable) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # equal tables may be laid out differently

    @overload
    def __getitem__(self, index: int) -> Origin: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Origin, ...]: ...
    def __getitem__(self, index: int | slice) -> Origin | tuple[Origin, ...]:
        if isinstance(index, slice):
            return tuple(self[each] for each in range(*index.indices(len(self))))
        file, offset = self.file[index], self.offset[index]
        starts = self.line_starts[file]
        line = bisect_right(starts, offset)
        return Origin(self.files[file], line, offset - starts[line - 1] + 1)
