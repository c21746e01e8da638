import bz2
import gzip
import lzma
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from selbox.diagnostics import SelboxError
from selbox.store.logfiles import Block, Lines, audit_logs, blocks, follow


def zstandard(content: bytes) -> bytes:
    """Compress as the program zstd does, with a checksum."""
    return zstd.compress(content, options={zstd.CompressionParameter.checksum_flag: 1})


def text_of(found: Iterator[Block]) -> str:
    return "".join(each.text for each in found)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress, zstandard])
def test_a_log_is_read_packed_or_not(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    content = b"".join(b"line %d \xff\n" % number for number in range(5000)) + b"the last one"
    path = tmp_path / "log"
    path.write_bytes(pack(content))
    assert text_of(blocks(str(path))) == content.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstandard])
@pytest.mark.parametrize(
    "damage", [lambda packed: packed[:-20], lambda packed: packed[:60] + b"\xff" * 40 + packed[100:]]
)
def test_a_damaged_log_is_told_of(
    pack: Callable[[bytes], bytes], damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "log"
    path.write_bytes(damage(pack(os.urandom(4000))))
    with pytest.raises(SelboxError) as caught:
        text_of(blocks(str(path)))
    assert caught.value.diagnostics[0].code == "compressed-corrupt"


def test_a_log_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(SelboxError) as caught:
        text_of(blocks(str(tmp_path / "gone")))
    assert caught.value.diagnostics[0].code == "file-unreadable"
    with pytest.raises(SelboxError):
        next(follow(str(tmp_path / "gone")))


def test_where_zstd_cannot_be_read_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    path.write_bytes(zstd.compress(b"x"))
    for each in ("compression", "backports", "backports.zstd"):
        monkeypatch.setitem(sys.modules, each, None)
    with pytest.raises(SelboxError) as caught:
        text_of(blocks(str(path)))
    assert caught.value.diagnostics[0].code == "compression-unavailable"


def test_a_directory_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(SelboxError):
        text_of(blocks(str(tmp_path)))


def test_standard_input_is_read() -> None:
    program = "from selbox.store.logfiles import blocks; print(''.join(b.text for b in blocks('-')), end='')"
    done = subprocess.run([sys.executable, "-c", program], input=b"a\nb", capture_output=True, check=True)
    assert done.stdout == b"a\nb"


def test_blocks_hold_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 100 + b"\n" + b"y" * (5 << 20) + b"\nz\n")
    found = list(blocks(str(path)))
    assert all(each.text.endswith("\n") for each in found)
    assert found[-1].place == path.stat().st_size
    assert "".join(each.text for each in found).startswith("x" * 100 + "\n")


def test_a_line_without_end_is_cut() -> None:
    lines = Lines()
    assert lines.add(b"x" * (1 << 21)) == "x" * (1 << 20) + "\n"
    assert lines.add(b"y\n") == "y\n"
    assert lines.last() == ""


def test_older_files_of_auditd_come_first(tmp_path: Path) -> None:
    for name in ("audit.log", "audit.log.1", "audit.log.10.zst", "audit.log.2.gz", "audit.log.old", "other", "x.3"):
        (tmp_path / name).touch()
    found = audit_logs(str(tmp_path / "audit.log"))
    assert [Path(each).name for each in found] == ["audit.log.10.zst", "audit.log.2.gz", "audit.log.1", "audit.log"]
    with pytest.raises(SelboxError):
        audit_logs(str(tmp_path / "gone.log"))
    with pytest.raises(SelboxError):
        audit_logs(str(tmp_path / "gone" / "audit.log"))


class Steps:
    """Does something to a log each time that there is nothing to read, and then ends the test."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self._steps = list(steps)

    def __call__(self) -> None:
        if not self._steps:
            raise StopIteration
        self._steps.pop(0)()


def followed(path: Path, *steps: Callable[[], object]) -> str:
    found: list[str] = []

    def read() -> None:
        found.extend(each.text for each in follow(str(path), Steps(*steps)))

    with pytest.raises(RuntimeError):  # what a generator makes of StopIteration
        read()
    return "".join(found)


def append(path: Path, text: str) -> Callable[[], object]:
    def step() -> None:
        with path.open("a") as stream:
            stream.write(text)

    return step


def test_a_log_is_followed_as_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("1\n2")
    assert followed(path, append(path, "3\n4\n"), append(path, "5"), append(path, "\n")) == "1\n23\n4\n5\n"


def test_a_log_is_followed_when_it_is_rotated(tmp_path: Path) -> None:
    path, old = tmp_path / "log", tmp_path / "log.1"
    path.write_text("1\n")
    steps = (lambda: path.rename(old), append(old, "2\n"), append(path, "3\n"), append(path, "4\n"))
    assert followed(path, *steps) == "1\n2\n3\n4\n"


def test_a_log_is_followed_when_it_is_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("1\n2\n3\n")
    assert followed(path, lambda: path.write_text("4\n"), append(path, "5\n")) == "1\n2\n3\n4\n5\n"


def test_a_log_that_is_away_for_a_while_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("1\n")
    steps = (path.unlink, lambda: None, lambda: path.write_text("2\n"), append(path, "3\n"))
    assert followed(path, *steps) == "1\n2\n3\n"
