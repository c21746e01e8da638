import pytest

from selbox.diagnostics import SelboxError, SourceFile
from selbox.language.filecontexts import FileContextLine, for_homes, homes_apart, parse_file_contexts
from selbox.model.labelling import FileKind

TEXT = """
# a comment, and an empty line before it
/etc(/.*)?\tu:r:etc_t:s0
/dev/[^/]*  -c   u:r:dev_t:s0:c0,c1
  /proc -d <<none>>
"""


def test_lines_have_a_pattern_a_kind_and_a_context() -> None:
    lines = parse_file_contexts(SourceFile("fc", TEXT))
    assert [(each.pattern, each.kind, each.context) for each in lines] == [
        ("/etc(/.*)?", FileKind.ANY, "u:r:etc_t:s0"),
        ("/dev/[^/]*", FileKind.CHARACTER, "u:r:dev_t:s0:c0,c1"),
        ("/proc", FileKind.DIRECTORY, "<<none>>"),
    ]
    assert [(each.pattern_span.place, each.context_span.place) for each in lines] == [
        ("fc:3:1", "fc:3:12"),
        ("fc:4:1", "fc:4:18"),
        ("fc:5:3", "fc:5:12"),
    ]


def test_every_kind_has_its_letters() -> None:
    kinds = ("--", "-d", "-c", "-b", "-s", "-p", "-l")
    lines = parse_file_contexts(SourceFile("fc", "\n".join(f"/x {each} u:r:t" for each in kinds)))
    assert [each.kind for each in lines] == list(FileKind)[1:]


def test_all_that_is_wrong_is_told() -> None:
    with pytest.raises(SelboxError) as caught:
        parse_file_contexts(SourceFile("fc", "/a\n/b u:r:t\n/c -x u:r:t\n/d -d u:r:t more\n"))
    assert [(each.code, each.span and each.span.place) for each in caught.value.diagnostics] == [
        ("file-context-syntax", "fc:1:1"),
        ("file-context-syntax", "fc:3:4"),
        ("file-context-syntax", "fc:4:1"),
    ]


TEMPLATES = """
HOME_DIR -d system_u:object_r:home_dir_t:s0
HOME_DIR/\\.ssh(/.*)? system_u:object_r:ssh_t:s0
HOME_ROOT -d system_u:object_r:home_root_t:s0
/run/user/%{USERID} -d system_u:object_r:runtime_t:s0
/run/user/%{USERID}/.+ <<none>>
/tmp/xses-%{USERNAME} -- system_u:object_r:log_t:s0
/etc(/.*)? system_u:object_r:etc_t:s0
"""


def test_templates_are_written_out_for_every_home() -> None:
    # As libsemanage wrote them on a Debian with these lines in its policy.
    expected = """
/home/[^/]+ -d unconfined_u:object_r:home_dir_t:s0
/root -d unconfined_u:object_r:home_dir_t:s0
/home/[^/]+/\\.ssh(/.*)? unconfined_u:object_r:ssh_t:s0
/root/\\.ssh(/.*)? unconfined_u:object_r:ssh_t:s0
/home -d system_u:object_r:home_root_t:s0
/run/user/[0-9]+ -d unconfined_u:object_r:runtime_t:s0
/run/user/0 -d unconfined_u:object_r:runtime_t:s0
/run/user/[0-9]+/.+ <<none>>
/run/user/0/.+ <<none>>
/tmp/xses-[^/]+ -- unconfined_u:object_r:log_t:s0
/tmp/xses-root -- unconfined_u:object_r:log_t:s0
/etc(/.*)? system_u:object_r:etc_t:s0
"""

    def words(lines: list[FileContextLine]) -> list[tuple[object, ...]]:
        return [each[:3] for each in lines]

    given = parse_file_contexts(SourceFile("fc", TEMPLATES))
    assert words(for_homes(given, "unconfined_u")) == words(parse_file_contexts(SourceFile("fc", expected)))
    assert for_homes(given, "")[0].context == given[0].context
    rest, homes = homes_apart(SourceFile("fc", TEMPLATES), "unconfined_u")
    assert words(parse_file_contexts(SourceFile("fc", rest))) == words(given[-1:])
    assert "/root\t-d\tunconfined_u:object_r:home_dir_t:s0\n" in homes
    assert words(parse_file_contexts(SourceFile("fc", f"{homes}{rest}"))) == words(for_homes(given, "unconfined_u"))
