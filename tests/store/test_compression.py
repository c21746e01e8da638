import bz2
import gzip
import lzma
import sys
from collections.abc import Callable

import pytest

from selbox.diagnostics import SelboxError
from selbox.store import compression
from selbox.store.compression import decompressed

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"(type a_t)\n" * 5000

FORMATS: dict[str, Callable[[bytes], bytes]] = {
    "bzip2": bz2.compress,
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "zstd": zstd.compress,
}
EVERY_FORMAT = pytest.mark.parametrize("name", FORMATS)


def failure(content: bytes) -> str:
    with pytest.raises(SelboxError) as caught:
        decompressed(content, "x")
    (diagnostic,) = caught.value.diagnostics
    return f"{diagnostic.code}: {diagnostic.message}"


def test_what_is_not_compressed_stays_as_it_is() -> None:
    assert decompressed(TEXT, "x") is TEXT
    assert decompressed(b"", "x") == b""


@EVERY_FORMAT
@pytest.mark.parametrize("text", [b"", b"x", TEXT])
def test_every_format_is_known_by_its_first_bytes(name: str, text: bytes) -> None:
    assert decompressed(FORMATS[name](text), "x") == text


@EVERY_FORMAT
def test_several_streams_are_one_text(name: str) -> None:
    compress = FORMATS[name]
    assert decompressed(compress(b"one ") + compress(b"") + compress(b"two"), "x") == b"one two"


@EVERY_FORMAT
def test_zeros_after_the_data_are_padding(name: str) -> None:
    assert decompressed(FORMATS[name](TEXT) + bytes(512), "x") == TEXT


@EVERY_FORMAT
def test_what_follows_the_data_is_not_lost_silently(name: str) -> None:
    content = FORMATS[name](TEXT)
    assert failure(content + b"more") == (
        f"compressed-corrupt: `x`: what follows the {name} data at byte {len(content)} is not more of it"
    )


@EVERY_FORMAT
def test_data_that_is_cut_short_is_told(name: str) -> None:
    content = FORMATS[name](TEXT)
    for length in (len(content) // 2, len(content) - 1):
        assert failure(content[:length]).startswith(f"compressed-corrupt: `x` is cut short: its {name} data goes on")


@EVERY_FORMAT
def test_damaged_data_is_told(name: str) -> None:
    content = bytearray(FORMATS[name](TEXT))
    content[len(content) // 2] ^= 0xFF
    content[-1] ^= 0xFF
    assert "compressed-corrupt: `x` is " in failure(bytes(content))


@EVERY_FORMAT
def test_a_bomb_does_not_go_off(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "_ALWAYS", 1 << 20)  # so that the test is quick
    content = FORMATS[name](bytes(2 << 20))
    allowed = (1 << 20) + 250 * len(content)
    if allowed < 2 << 20:
        assert failure(content).startswith("file-too-large: `x` unpacks to more than 1 MiB and 250 times its size")
    monkeypatch.setattr(compression, "_RATIO", 2 << 20)
    assert decompressed(content, "x") == bytes(2 << 20)
    monkeypatch.setattr(compression, "LARGEST", (2 << 20) - 1)
    assert failure(content).startswith("file-too-large")


def test_very_many_streams_are_refused_before_they_take_long() -> None:
    assert failure(gzip.compress(b"x") * 20_000).startswith("file-too-large: `x` is made of more than 16384 pieces")


def test_a_python_without_the_format_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lzma", None)
    assert failure(b"\xfd7zXZ\0").startswith("compression-unavailable: `x` is compressed with xz")
