import bz2
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from selbox.binary.formats import Format
from selbox.diagnostics import Diagnostics, SelboxError
from selbox.store import inputs
from selbox.store.inputs import Input, read_expectations, read_input, read_inputs

MAGICS = {
    Format.KERNEL_POLICY: b"\x8c\xff\x7c\xf9rest",
    Format.PACKAGE: b"\x8f\xff\x7c\xf9rest",
    Format.MODULE: b"\x8d\xff\x7c\xf9rest",
    Format.TEXT: b"(type a_t)",
}


@pytest.mark.parametrize("kind", MAGICS)
@pytest.mark.parametrize("compress", [bytes, bz2.compress])
def test_a_file_is_what_its_first_bytes_say(kind: Format, compress: type[bytes], tmp_path: Path) -> None:
    path = tmp_path / "misleading.txt"
    path.write_bytes(compress(MAGICS[kind]))
    assert read_input(str(path)) == Input(str(path), MAGICS[kind], kind)


@pytest.mark.parametrize("kind", MAGICS)
@pytest.mark.parametrize("wanted", MAGICS)
def test_what_is_not_wanted_is_refused_with_help(kind: Format, wanted: Format) -> None:
    given = Input("x", MAGICS[kind], kind)
    if kind is wanted:
        assert given.expect(wanted) is given
        return
    with pytest.raises(SelboxError) as caught:
        given.expect(wanted)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "file-wrong-format"
    assert diagnostic.message.startswith("`x` is ")
    assert "`selbox " in diagnostic.help


def test_an_empty_file_is_called_empty() -> None:
    with pytest.raises(SelboxError, match="`x` is empty, not a kernel policy"):
        Input("x", b"", Format.TEXT).expect(Format.KERNEL_POLICY)


@pytest.mark.parametrize(
    "text",
    [
        "policy_module(x, 1.0)\n",
        "# a comment\n\nmodule x 1.0;\n",
        "class file\nsid kernel\n",
        "require { type a_t; }",
        "allow a_t self:file read;",
    ],
)
def test_the_policy_language_is_told_from_cil(text: str) -> None:
    with pytest.raises(SelboxError, match="`x` is in the policy language, not CIL"):
        Input("x", text.encode(), Format.TEXT).source()


@pytest.mark.parametrize("text", ["", "(type a_t)", "; allow\n(type a_t)", " \n" * 50_000, "stray", "type", "(type"])
def test_other_text_is_left_to_the_reader_of_cil(text: str) -> None:
    assert Input("x", text.encode(), Format.TEXT).source().text == text


def test_a_byte_order_mark_is_named_where_no_text_may_begin_so() -> None:
    given = Input("x", b"\xef\xbb\xbf(type a_t)", Format.TEXT)
    with pytest.raises(SelboxError, match="`x` begins with a byte order mark, which CIL text does not have") as caught:
        given.source()
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.code, diagnostic.help) == ("file-wrong-format", "save it as UTF-8 without one")


def test_a_byte_order_mark_of_expectations_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "x.expect"
    path.write_text("valid u:r:t\n", encoding="utf-8-sig")
    assert read_expectations(str(path)).text == "valid u:r:t\n"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_text_of_wide_characters_is_told_how_to_be_saved(encoding: str) -> None:
    with pytest.raises(SelboxError, match="`x` is UTF-16, not CIL text") as caught:
        Input("x", "\ufeff(type a_t)".encode(encoding), Format.TEXT).source()
    assert caught.value.diagnostics[0].help == "save it as UTF-8"


def test_a_directory_has_files_of_the_kind_that_is_read(tmp_path: Path) -> None:
    for read, advice in (
        (read_expectations, f"name the files in it: {tmp_path}/*.expect"),
        (read_input, "name a file in it"),
    ):
        with pytest.raises(SelboxError, match="Is a directory") as caught:
            read(str(tmp_path))
        assert caught.value.diagnostics[0].help == advice


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = b"(type a_t)\n" * 100_000
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    assert read_input(str(pipe)).content == content
    writer.join()


def test_what_has_no_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "LARGEST", 3 << 20)
    with pytest.raises(SelboxError) as caught:
        read_input("/dev/zero")
    assert caught.value.diagnostics[0].code == "file-too-large"


def test_standard_input_that_is_closed_is_told() -> None:
    ended = subprocess.run(
        ["sh", "-c", 'exec "$0" -m selbox pp <&-', sys.executable], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 255
    assert ended.stderr == "error[file-unreadable]: cannot read `<stdin>`: Bad file descriptor\n"


def test_each_file_is_read_once_unless_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("(type a_t)")
    (tmp_path / "b").symlink_to("a")
    paths = [str(tmp_path / "a"), str(tmp_path / "b")]
    diagnostics = Diagnostics()
    assert [each.name for each in read_inputs(paths, diagnostics)] == paths[:1]
    assert [each.name for each in read_inputs(paths, diagnostics, repeats=True)] == paths
    assert [each.code for each in diagnostics.warnings] == ["file-repeated"] * 2
    read_inputs(["/dev/null", "/dev/null"], Diagnostics())


def test_a_dash_is_standard_input_where_a_verb_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SelboxError, match="cannot read `-`"):
        read_inputs(["-"], Diagnostics())
    Path("-").write_text("(type a_t)")
    assert read_inputs(["-"], Diagnostics())[0].name == "-"
