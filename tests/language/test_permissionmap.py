"""Permission maps: what they say, and how each thing that is wrong with one is said."""

import pytest

from selbox.diagnostics import SelboxError, SourceFile
from selbox.language.permissionmap import Direction, Mapping, PermissionMap, parse_permission_map
from selbox.store.permissionmaps import read_permission_map
from selbox.store.policyfiles import load_policy


def parse(text: str) -> PermissionMap:
    return parse_permission_map(SourceFile("map", text))


def fault(text: str) -> str:
    with pytest.raises(SelboxError) as caught:
        parse(text)
    assert {each.code for each in caught.value.diagnostics} == {"permission-map-syntax"}
    return str(caught.value)


def test_directions_and_weights_are_read() -> None:
    text = "# a map\n2\nclass file 3 # files\n\tread r 10\n  write w 7\n\n open n 1\nclass fd 1\nuse b\n"
    assert parse(text) == {
        "file": {
            "read": Mapping(Direction.READ, 10),
            "write": Mapping(Direction.WRITE, 7),
            "open": Mapping(Direction.NONE, 1),
        },
        "fd": {"use": Mapping(Direction.BOTH, 10)},
    }


def test_a_permission_may_be_called_as_the_map_likes() -> None:
    assert parse("1\nclass class 2\n11 r 1\nu u 1")["class"]["u"] == Mapping(Direction.UNMAPPED, 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "nothing in it"),
        ("# nothing\n", "nothing in it"),
        ("many\nclass a 1\nb r 1", "map:1:1: the first line says how many classes there are, and this says `many`"),
        ("1\nclass a", "map:2:1: a class has a name and a number of permissions"),
        ("1\nclass a 0", "a class has at least one permission, and this says `0`"),
        ("1\nclass a 1\n  b x 1", "map:3:3: `x` is no direction"),
        ("1\nclass a 1\nb r 11", "map:3:1: weights are 1 to 10, and this says `11`"),
        ("1\nclass a 1\nb r 0", "weights are 1 to 10, and this says `0`"),
        ("1\nclass a 1\nb r 99999999999999999999", "weights are 1 to 10"),
        ("1\nclass a 1\nb", "map:3:1: a permission has a direction"),
        ("1\nclass a 1\nb r 1 1", "a permission has a direction"),
        ("2\nclass a 2\nb r 1\nclass c 1\nd r 1", "map:2:1: 1 permissions of this class are missing"),
        ("1\nclass a 1\nb r 1\nc r 1", "map:4:1: `c` stands where a class begins"),
        ("2\nclass a 1\nb r 1\nclass a 1\nb r 1", "map:4:1: class `a` is there already"),
        ("1\nclass a 1\nb r 1\nclass c 1\nd r 1", "map:4:1: class `c` is one more than the 1"),
        ("2\nclass a 1\nb r 1", "the first line says that there are 2 classes, and there are 1"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, words: str) -> None:
    assert words in fault(text)


def test_all_that_is_wrong_is_said() -> None:
    assert fault("1\nclass a 2\nb x 1\nc r 0").count("map:") == 2


def test_the_own_map_says_what_permissions_mean() -> None:
    own = read_permission_map()
    assert own["file"]["read"] == Mapping(Direction.READ, 10)
    assert own["file"]["write"] == Mapping(Direction.WRITE, 10)
    assert own["process"]["ptrace"].direction is Direction.BOTH
    assert own["unix_stream_socket"]["connectto"].direction is Direction.BOTH
    assert own["capability"]["sys_admin"].direction is Direction.NONE


def test_the_own_map_knows_all_permissions_of_the_base_policy() -> None:
    own = read_permission_map()
    policy = load_policy([])
    missing = [
        (each.name, name) for each in policy.classes for name in each.permissions if name not in own.get(each.name, {})
    ]
    assert not missing
