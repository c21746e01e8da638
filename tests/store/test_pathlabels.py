from pathlib import Path

import pytest

from selbox.diagnostics import SelboxError
from selbox.store.pathlabels import PathLabels


def test_the_longest_path_decides_for_all_below_it() -> None:
    labels = PathLabels({"/": "root", "/a": "a", "/a/b": "b"})
    looked_up = [labels.lookup(path) for path in ("/", "/x", "/a", "/a/x/y", "/ab", "/a/b", "/a/b/c")]
    assert looked_up == ["root", "root", "a", "a", "root", "b", "b"]
    assert PathLabels({"/a": "a"}).lookup("/b") is None
    assert PathLabels({}).lookup("/a") is None
    assert labels.contexts() == {"root", "a", "b"}


def test_parse(tmp_path: Path) -> None:
    (tmp_path / "a=b").mkdir()
    (tmp_path / "link").symlink_to("a=b")
    labels = PathLabels.parse(["a=b=u:r:t:s0", f"{tmp_path}=u:r:all:s0"], str(tmp_path))
    assert labels.lookup(str(tmp_path / "a=b" / "x")) == "u:r:t:s0"
    assert labels.lookup(str(tmp_path)) == "u:r:all:s0"
    through_link = PathLabels.parse(["./link/=u:r:t:s0"], str(tmp_path))
    assert through_link.lookup(str(tmp_path / "a=b")) == "u:r:t:s0"
    assert through_link.lookup(str(tmp_path / "link")) is None


def test_a_link_is_labelled_with_what_it_leads_to_unless_that_is_named_too(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "nowhere").symlink_to("gone")
    link, target = str(tmp_path / "link"), str(tmp_path / "target")
    both = PathLabels.parse(["link=a", "nowhere=b"], str(tmp_path))
    assert [both.lookup(each) for each in (link, f"{target}/x", str(tmp_path / "nowhere"))] == ["a", "a", "b"]
    for arguments in (["link=a", "target=c"], ["target=c", "link=a"]):
        apart = PathLabels.parse(arguments, str(tmp_path))
        assert [apart.lookup(each) for each in (link, target)] == ["a", "c"]


def test_every_wrong_argument_is_told(tmp_path: Path) -> None:
    with pytest.raises(SelboxError) as caught:
        PathLabels.parse(["x", "=c", "x=", "nosuch=u:r:t", ".=u:r:t", ".=u:r:t", ".=u:r:other"], str(tmp_path))
    codes = [each.code for each in caught.value.diagnostics]
    assert codes == ["label-argument"] * 3 + ["label-missing-file", "label-conflict"]
    assert caught.value.diagnostics[3].help == f"looked for at {tmp_path.resolve()}/nosuch"
