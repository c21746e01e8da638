"""Interface information as `sepolgen-ifgen` writes it, and what is wrong in it."""

import pytest

from selbox.diagnostics import SelboxError, SourceFile
from selbox.language.interfaceinfo import Interface, InterfaceAccess, is_parameter, parse_interface_info

TEXT = """\
[InterfaceVector apache_read_log $1:source ]
$1,httpd_log_t,file,getattr,open,read
$1,var_log_t,dir,search
$1,httpd_log_t,file,ioctl
[InterfaceVector apache_nothing ]
[InterfaceVector apache_pair $1:target $2:role ]
init_t,$1,process,transition
$1,init_t,fd,use
"""


def parsed(text: str) -> list[Interface]:
    return parse_interface_info(SourceFile("info", text))


def test_interfaces_with_what_they_give() -> None:
    first, second = parsed(TEXT)
    assert first.name == "apache_read_log"
    assert first.parameters == {"$1": "source"}
    assert first.accesses == [
        InterfaceAccess("$1", "httpd_log_t", "file", frozenset({"getattr", "open", "read", "ioctl"})),
        InterfaceAccess("$1", "var_log_t", "dir", frozenset({"search"})),
    ]
    assert second.name == "apache_pair", "what has no parameter is left out"
    assert second.parameters == {"$1": "source", "$2": "role"}, "who is a source somewhere is one"


def test_parameters_that_only_an_access_names_are_there() -> None:
    (found,) = parsed("[InterfaceVector f $1:source ]\n$1,$2,$3,read\n")
    assert found.parameters == {"$1": "source", "$2": "target", "$3": "object"}


def test_the_last_of_one_name_is_taken() -> None:
    (found,) = parsed("[InterfaceVector f $1:source ]\n$1,a,b,c\n[InterfaceVector f $1:target ]\na,$1,b,c\n")
    assert found.parameters == {"$1": "target"}


def test_parameters() -> None:
    assert [each for each in ("$1", "$12", "$", "$x", "1", "", "$1 ", "$*") if is_parameter(each)] == ["$1", "$12"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[Interface f $1:source ]\n", 1),
        ("[InterfaceVector f $1:source\n", 1),
        ("[]\n", 1),
        ("[InterfaceVector f $1:sauce ]\n", 1),
        ("[InterfaceVector f 1:source ]\n", 1),
        ("$1,a,b,c\n", 1),
        ("[InterfaceVector f $1:source ]\n$1,a,b\n", 2),
        ("[InterfaceVector f $1:source ]\n$1,a,b,c\n$1,a,b,c,,d\n", 3),
        ("(allow a b (c (d)))\n", 1),
    ],
)
def test_wrong_lines_are_told_with_their_places(text: str, line: int) -> None:
    with pytest.raises(SelboxError) as caught:
        parsed(text)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "interface-info-syntax"
    assert diagnostic.span is not None
    assert diagnostic.span.line == line


def test_nothing_has_no_interfaces() -> None:
    assert parsed("") == []


def test_many_wrong_lines_end_it() -> None:
    with pytest.raises(SelboxError) as caught:
        parsed("x\n" * 1000)
    assert len(caught.value.diagnostics) == 50
