"""The outer form of the file: a mark, a header in JSON, and columns of numbers, compressed.

After the mark come the size of the header in four bytes, little-endian, the header, and one zlib stream of all columns
one after the other. The header has the version, the SHA-256 of the binary, the names of the sources, and for each
column its name and how many numbers of 32 bits it has.
"""

import json
import sys
import zlib
from array import array
from collections.abc import Mapping
from hashlib import sha256
from typing import Final, NamedTuple, NoReturn, TypedDict  # noqa: TID251 - a typed dictionary has no stand-in

from selbox.diagnostics import SelboxError

VERSION: Final = 1

_MARK = b"selbox origins\n"
_LONGEST_HEADER = 16 << 20
_LEAST_ROOM = 1 << 20
_BEST_RATIO = 256
_LEVEL = 2  # four times as quick as the usual 6, and 8% larger
_ITEM = 4


class _Header(TypedDict):
    version: int
    binary: str
    files: list[str]
    columns: dict[str, int]


class Contents(NamedTuple):
    """What the file holds.

    Attributes:
        files: names of the sources.
        columns: numbers by the name of their column.
    """

    files: tuple[str, ...]
    columns: Mapping[str, "array[int]"]


def pack(contents: Contents, binary: bytes) -> bytes:
    """Return the file for a binary."""
    header = {
        "version": VERSION,
        "binary": sha256(binary).hexdigest(),
        "files": contents.files,
        "columns": {name: len(column) for name, column in contents.columns.items()},
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    body = b"".join([_little(column).tobytes() for column in contents.columns.values()])
    return b"".join((_MARK, len(text).to_bytes(4, "little"), text, zlib.compress(body, _LEVEL)))


def unpack(data: bytes, binary: bytes, name: str) -> Contents:
    """Read the file.

    Args:
        data: the whole file.
        binary: the binary that it should be for.
        name: what messages call it.

    Raises:
        SelboxError: ``origins-corrupt``, ``origins-unknown-version`` or ``origins-other-binary``.
    """
    if not data.startswith(_MARK):
        corrupt(name, f"it does not begin with `{_MARK.decode().strip()}`")
    begin = len(_MARK) + 4
    size = int.from_bytes(data[begin - 4 : begin], "little")
    if len(data) < begin or size > min(len(data) - begin, _LONGEST_HEADER):
        corrupt(name, f"its header should have {size} bytes, and {max(0, len(data) - begin)} are left")
    header = _header(data[begin : begin + size], name)
    if header["version"] != VERSION:
        raise SelboxError.of(
            "origins-unknown-version",
            f"{name}: the places have version {header['version']}, and version {VERSION} is understood",
            help="compile the policy again",
        )
    if header["binary"] != sha256(binary).hexdigest():
        raise SelboxError.of(
            "origins-other-binary",
            f"{name}: the places are those of another binary",
            help="compile the policy again, so that both are written together",
        )
    lengths = header["columns"]
    body = _decompressed(data[begin + size :], sum(lengths.values()) * _ITEM, name)
    columns = {}
    at = 0
    for column, length in lengths.items():
        columns[column] = _little(array("I", body[at : at + length * _ITEM]))
        at += length * _ITEM
    return Contents(tuple(header["files"]), columns)


def moved_origins(data: bytes, binary: bytes, other: bytes, name: str) -> bytes:
    """Return the file for another binary that has the same rules, in the same order.

    Args:
        data: the whole file.
        binary: the binary that it is for.
        other: the binary that it shall be for.
        name: what messages call it.

    Raises:
        SelboxError: as :func:`unpack`.
    """
    return pack(unpack(data, binary, name), other)


def _header(text: bytes, name: str) -> _Header:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        corrupt(name, "its header is no JSON")
    if not isinstance(header, dict) or not isinstance(header.get("version"), int):
        corrupt(name, "its header has no version")
    files, lengths = header.get("files", []), header.get("columns", {})
    if not isinstance(files, list) or not all(isinstance(each, str) for each in files):
        corrupt(name, "its header has no names of sources")
    if not isinstance(lengths, dict) or not all(type(each) is int and each >= 0 for each in lengths.values()):
        corrupt(name, "its header has no lengths of columns")
    return {"version": header["version"], "binary": str(header.get("binary")), "files": files, "columns": lengths}


def _decompressed(data: bytes, size: int, name: str) -> bytes:
    if size > _LEAST_ROOM + _BEST_RATIO * len(data):
        corrupt(name, f"{len(data)} bytes cannot hold {size}")
    stream = zlib.decompressobj()
    try:
        body = stream.decompress(data, size + 1)
    except zlib.error:
        corrupt(name, "its columns cannot be decompressed")
    if len(body) != size or not stream.eof:
        corrupt(name, f"its columns should have {size} bytes")
    return body


def _little(column: "array[int]") -> "array[int]":
    """Return a column with its bytes turned round where the machine has them the other way."""
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column


def corrupt(name: str, message: str) -> NoReturn:
    """Report a file that is broken.

    Raises:
        SelboxError: always, ``origins-corrupt``.
    """
    raise SelboxError.of("origins-corrupt", f"{name}: the file of places is broken: {message}", help="compile again")


def mismatch(name: str, message: str) -> NoReturn:
    """Report places that do not go with the policy.

    Raises:
        SelboxError: always, ``origins-mismatch``.
    """
    raise SelboxError.of(
        "origins-mismatch", f"{name}: the places do not go with the policy: {message}", help="compile again"
    )
