import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from selbox.cli.outputs import Output, file_or_standard_output, write_outputs
from selbox.diagnostics import SelboxError


def failure(*outputs: Output) -> str:
    with pytest.raises(SelboxError) as caught:
        write_outputs(outputs)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "file-unwritable"
    return diagnostic.message


def test_files_get_their_content_and_the_umask_s_mode(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_outputs([Output(str(tmp_path / "a"), b"one"), Output(str(tmp_path / "b"), b"")])
    finally:
        os.umask(before)
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"a": b"one", "b": b""}
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_path_without_a_directory_is_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_outputs([Output("a", b"one")])
    assert (tmp_path / "a").read_bytes() == b"one"


def test_a_file_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"longer than what comes")
    path.chmod(0o604)
    write_outputs([Output(str(path), b"one")])
    assert path.read_bytes() == b"one"
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_that_was_there_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    os.chown(path, 12, 34)
    path.chmod(0o4755)
    write_outputs([Output(str(path), b"one")])
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (12, 34, 0o4755)


@pytest.mark.parametrize("exists", [True, False])
def test_a_symbolic_link_stays_one(tmp_path: Path, exists: bool) -> None:
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "a", tmp_path / "link"
    if exists:
        target.write_bytes(b"old")
    link.symlink_to("there/a")
    write_outputs([Output(str(link), b"one")])
    assert link.is_symlink()
    assert target.read_bytes() == b"one"


def test_when_one_cannot_be_written_none_changes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    message = failure(Output(str(path), b"new"), Output(str(tmp_path / "none" / "b"), b"new"))
    assert message == f"cannot write `{tmp_path}/none/b`: No such file or directory"
    assert [each.name for each in tmp_path.iterdir()] == ["a"], "what was begun is taken away"
    assert path.read_bytes() == b"old"


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def write(_: int, __: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.write", write)
    assert failure(Output(str(path), b"new")) == f"cannot write `{path}`: No space left on device"
    assert [each.name for each in tmp_path.iterdir()] == ["a"]
    assert path.read_bytes() == b"old"


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def replace(_: str, __: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", replace)
    with pytest.raises(KeyboardInterrupt):
        write_outputs([Output(str(tmp_path / "a"), b"one"), Output(str(tmp_path / "b"), b"two")])
    assert list(tmp_path.iterdir()) == []


def test_a_directory_is_no_output(tmp_path: Path) -> None:
    assert failure(Output(str(tmp_path), b"")) == f"cannot write `{tmp_path}`: Is a directory"


def test_one_file_is_not_two_outputs(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("a")
    message = failure(Output(str(tmp_path / "a"), b"one"), Output(str(tmp_path / "link"), b"two"))
    assert message == f"`{tmp_path}/a` is named for two outputs"
    assert [each.name for each in tmp_path.iterdir()] == ["link"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes every file")
def test_a_protected_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o444)
    assert failure(Output(str(path), b"new")) == f"cannot write `{path}`: Permission denied"


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes to every directory")
def test_a_file_in_a_protected_directory_stays(tmp_path: Path) -> None:
    path = tmp_path / "there" / "a"
    path.parent.mkdir()
    path.write_bytes(b"old")
    path.parent.chmod(0o555)
    with pytest.raises(SelboxError) as caught:
        write_outputs([Output(str(path), b"new")])
    assert "must be writable" in caught.value.diagnostics[0].help
    assert path.read_bytes() == b"old"
    path.parent.chmod(0o755)


def test_devices_and_pipes_are_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_outputs([Output(str(pipe), b"one"), Output("/dev/null", b"two")])
        assert os.read(reading, 10) == b"one"
    finally:
        os.close(reading)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert failure(Output("/dev/full", b"x")) == "cannot write `/dev/full`: No space left on device"


@pytest.mark.parametrize("name", ["/dev/fd/{}", "/proc/self/fd/{}"])
def test_an_open_descriptor_is_written_on_from_where_it_is(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a"
    with open(path, "wb", buffering=0) as stream:
        stream.write(b"before ")
        write_outputs([Output(name.format(stream.fileno()), b"one")])
    assert path.read_bytes() == b"before one"


def test_standard_output_goes_by_a_dash(capfd: pytest.CaptureFixture[str]) -> None:
    assert file_or_standard_output("a") == "a"
    write_outputs([Output(file_or_standard_output("-"), b"one")])
    assert capfd.readouterr().out == "one"


def test_a_reader_that_left_is_told_as_such() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        with pytest.raises(BrokenPipeError):
            write_outputs([Output(f"/dev/fd/{writing}", b"one")])
    finally:
        os.close(writing)


def test_what_comes_in_parts_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_outputs([Output(str(path), iter([b"one ", b"", b"two"]))])
    assert path.read_bytes() == b"one two"

    def parts() -> Iterator[bytes]:
        yield b"new"
        raise MemoryError

    with pytest.raises(MemoryError):
        write_outputs([Output(str(path), parts())])
    assert path.read_bytes() == b"one two"
    assert os.listdir(tmp_path) == ["a"]
