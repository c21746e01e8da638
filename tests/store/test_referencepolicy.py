"""Where a system has what sepolgen made, and the headers of its policy."""

from pathlib import Path

import pytest

from selbox.diagnostics import SelboxError
from selbox.store.permissionmaps import read_permission_map
from selbox.store.referencepolicy import read_interface_info, read_sepolgen_permission_map, reference_makefile

INFO = "[InterfaceVector f $1:source ]\n$1,a_t,file,read\n"


def place(root: Path, path: str, text: str = "") -> Path:
    made = root / path
    made.parent.mkdir(parents=True, exist_ok=True)
    made.write_text(text)
    return made


def test_interface_information_of_the_system_or_of_a_file(tmp_path: Path) -> None:
    place(tmp_path, "var/lib/sepolgen/interface_info", INFO)
    other = place(tmp_path, "other", INFO.replace("Vector f", "Vector g"))
    assert [each.name for each in read_interface_info(root=str(tmp_path))] == ["f"]
    assert [each.name for each in read_interface_info(str(other), str(tmp_path))] == ["g"]


def test_how_missing_interface_information_is_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(SelboxError) as caught:
        read_interface_info(root=str(tmp_path))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "interface-info-missing"
    assert "sepolgen-ifgen" in diagnostic.help
    with pytest.raises(SelboxError, match="cannot read"):
        read_interface_info(str(tmp_path / "none"))


def test_the_permission_map_is_the_one_that_is_named_or_the_systems_or_selboxs(tmp_path: Path) -> None:
    assert read_sepolgen_permission_map(root=str(tmp_path)) == read_permission_map()
    place(tmp_path, "var/lib/sepolgen/perm_map", "1\nclass a 1\n  b r 2\n")
    assert list(read_sepolgen_permission_map(root=str(tmp_path))) == ["a"]
    named = place(tmp_path, "named", "1\nclass c 1\n  d r 2\n")
    assert list(read_sepolgen_permission_map(str(named), str(tmp_path))) == ["c"]


def test_the_makefile_of_the_headers(tmp_path: Path) -> None:
    root = str(tmp_path)
    with pytest.raises(SelboxError) as caught:
        reference_makefile(root)
    assert caught.value.diagnostics[0].code == "policy-headers-missing"
    inner = place(tmp_path, "usr/share/selinux/mls/include/Makefile")
    assert reference_makefile(root) == str(inner)
    devel = place(tmp_path, "usr/share/selinux/devel/Makefile")
    assert reference_makefile(root) == str(devel)
    place(tmp_path, "etc/selinux/sepolgen.conf", "# a comment\nSELINUX_DEVEL_PATH = /none:/own/headers\n")
    with pytest.raises(SelboxError):
        reference_makefile(root)
    own = place(tmp_path, "own/headers/Makefile")
    assert reference_makefile(root) == str(own)
