"""Which interface is nearest: distances by hand, and sepolgen's for random interfaces."""

import json
import subprocess
from pathlib import Path
from random import Random

import pytest

from selbox.analysis.interfacematching import InterfaceMatcher
from selbox.diagnostics import SourceFile
from selbox.language.interfaceinfo import parse_interface_info
from selbox.language.permissionmap import parse_permission_map

MAP = """\
2
class file 4
  read r 10
  write w 9
  getattr r 7
  open n 1
class dir 2
  search r 2
  add_name w 5
"""
INFO = """\
[InterfaceVector read_log $1:source ]
$1,log_t,file,open,read
$1,var_t,dir,search
[InterfaceVector manage_log $1:source ]
$1,log_t,file,open,read,write
[InterfaceVector getattr_log $1:source ]
$1,log_t,file,getattr
[InterfaceVector for_target $1:target ]
web_t,$1,file,read
[InterfaceVector with_role $1:source $2:role ]
$1,log_t,file,read
[InterfaceVector only_class $1:object ]
web_t,log_t,$1,getattr
[InterfaceVector strange $1:source ]
$1,log_t,file,read,odd
"""


def matcher(info: str = INFO, permissions: str = MAP) -> InterfaceMatcher:
    return InterfaceMatcher(
        parse_interface_info(SourceFile("info", info)), parse_permission_map(SourceFile("map", permissions))
    )


def found(source: str, target: str, object_class: str, *permissions: str) -> list[tuple[str, int]]:
    matches = matcher().matches(source, target, object_class, permissions)
    return [(str(each.call), each.distance) for each in matches]


def test_distances() -> None:
    assert found("x_t", "log_t", "file", "read") == [
        ("read_log(x_t)", 23),  # 1 for open; 2 for search, and 10 each for another target and class
        ("strange(x_t)", 105),  # what no map has weighs 5, and might write: 100
        ("manage_log(x_t)", 110),  # 1 for open, 9 for write, and 100 because nobody asked to write
    ]
    assert found("x_t", "log_t", "file", "read", "write") == [("manage_log(x_t)", 1)]
    assert found("x_t", "var_t", "dir", "search") == [("read_log(x_t)", 31)]  # 11 for permissions, 20 for names


def test_what_does_not_give_everything_is_no_match() -> None:
    assert found("x_t", "log_t", "file", "read", "getattr") == []
    assert found("x_t", "var_t", "file", "search") == []


def test_a_parameter_may_stand_for_the_target_or_the_class() -> None:
    assert found("web_t", "log_t", "file", "read")[0] == ("for_target(log_t)", 0)
    assert found("web_t", "other_t", "file", "read") == [("for_target(other_t)", 0)]
    assert found("web_t", "log_t", "dir", "getattr") == [("only_class(dir)", 0)]


def test_of_those_as_near_what_gives_access_to_a_parameter_comes_first() -> None:
    give = ("$1,log_t,file,getattr", "$1,log_t,file,getattr", "$1,$1,file,getattr")
    info = "".join(f"[InterfaceVector f{place} $1:source ]\n{each}\n" for place, each in enumerate(give))
    matches = matcher(info).matches("x_t", "log_t", "file", ["getattr"])
    assert [(each.call.interface, each.distance) for each in matches] == [("f2", 0), ("f0", 0), ("f1", 0)]


def test_a_parameter_as_class_has_permissions_that_no_map_knows() -> None:
    assert found("web_t", "log_t", "file", "getattr") == [("getattr_log(web_t)", 0), ("only_class(file)", 100)]


def test_an_interface_is_measured_by_all_that_it_gives() -> None:
    info = "[InterfaceVector f $1:source ]\n$1,a_t,file,read\n$1,$1,file,write\n"
    (match,) = matcher(info).matches("x_t", "a_t", "file", ["read"])
    assert match.distance == 10 + 100, "10 for read, which the second access lacks; 100 for writing"


SEPOLGEN = """
import json, sys
from sepolgen import access, interfaces, matching, objectmodel, policygen
info, permissions, asked = sys.argv[1:]
found = interfaces.InterfaceSet()
with open(info) as stream:
    found.from_file(stream)
weights = objectmodel.PermMappings()
with open(permissions) as stream:
    weights.from_file(stream)
generator = policygen.InterfaceGenerator(found, weights)
answers = []
for each in json.loads(asked):
    wanted, matches = access.AccessVector(each), matching.MatchList()
    generator.matcher.search_ifs(found, wanted, matches)
    answers.append([[policygen.call_interface(x.interface, wanted).to_string(), x.dist] for x in matches.all()])
print(json.dumps(answers))
"""


def random_info(random: Random) -> str:
    """Interfaces of few names, so that many give the same."""
    lines = []
    for number in range(random.randrange(1, 40)):
        kinds = [f"${place}:{random.choice(('source', 'target', 'object', 'role'))} " for place in (1, 2)]
        lines.append(f"[InterfaceVector f{number} {''.join(kinds[: random.choice((0, 1, 1, 1, 1, 2))])}]")
        for _ in range(random.randrange(1, 6)):
            source, target = (random.choice(("$1", "$1", "a_t", "b_t", "c_t")) for _ in range(2))
            name = random.choice(("file", "file", "dir", "$1") if random.random() < 0.2 else ("file", "dir", "other"))
            permissions = random.sample(("read", "write", "getattr", "open", "odd", "search"), random.randrange(1, 5))
            lines.append(",".join((source, target, name, *permissions)))
    return "\n".join(lines) + "\n"


@pytest.mark.oracle
@pytest.mark.skipif(
    not Path("/usr/lib/python3/dist-packages/sepolgen").is_dir(), reason="needs Debian's python3-sepolgen"
)
@pytest.mark.parametrize("seed", range(4))
def test_interfaces_are_found_as_sepolgen_finds_them(seed: int, tmp_path: Path) -> None:
    random = Random(seed)  # noqa: S311 - to vary inputs, not to keep a secret
    info, permissions = tmp_path / "info", tmp_path / "map"
    info.write_text(random_info(random))
    permissions.write_text(MAP)
    asked = []
    for _ in range(150):
        names = [random.choice(("a_t", "b_t", "c_t", "d_t")) for _ in range(2)]
        wanted = random.sample(("read", "write", "getattr", "open", "odd", "search"), random.randrange(1, 4))
        asked.append([*names, random.choice(("file", "dir", "other")), *wanted])
    words = ["/usr/bin/python3", "-c", SEPOLGEN, str(info), str(permissions), json.dumps(asked)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env={})
    ours = matcher(info.read_text())
    answers = [
        [[str(each.call), each.distance] for each in ours.matches(source, target, name, wanted)]
        for source, target, name, *wanted in asked
    ]
    assert answers == json.loads(done.stdout)
    assert any(answers)
