import pytest

from selbox.audit.accesslines import AccessLine, LoggedAccess
from selbox.audit.events import CompanionLine, EventFacts, Events, companion_line
from selbox.audit.logreader import LogReader

ACCESS = LoggedAccess(False, ("read",), "a:b:c:s0", "a:b:d:s0", "file")
STAMP = "audit(1700000000.123:45)"


def line(fields: str, stamp: str = STAMP) -> AccessLine:
    return AccessLine(1, f"type=AVC msg={stamp}: avc:  denied  {{ read }} for  pid=7 {fields} tclass=file", ACCESS)


def record(text: str, stamp: str = STAMP) -> CompanionLine:
    kind, _, rest = text.partition(" ")
    found = companion_line(2, f"type={kind} msg={stamp}: {rest}")
    assert found is not None
    return found


SYSCALL = 'SYSCALL arch=c000003e syscall=2 success=no exe="/usr/sbin/httpd" comm="httpd"'
CWD = 'CWD cwd="/srv"'
PARENT = 'PATH item=0 name="www/" inode=8 nametype=PARENT'
PATH = 'PATH item=1 name="www/index.html" inode=9 nametype=NORMAL'
TITLE = "PROCTITLE proctitle=2F7573722F7362696E2F6874747064002D6B007374617274"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ('name="index.html" ino=9', "/srv/www/index.html"),
        ('name="index.html" ino=10', "/srv/www/index.html"),
        ('name="other.html" ino=10', ""),
        ('name="www" ino=8', "/srv/www/"),
    ],
)
def test_the_object_is_the_path_with_its_inode_or_its_name(fields: str, path: str) -> None:
    events = Events()
    events.want(line(fields))
    events.add(record(each) for each in (SYSCALL, CWD, PARENT, PATH, TITLE))
    assert events.facts(line(fields)) == EventFacts(path, "/usr/sbin/httpd", "/usr/sbin/httpd -k start")


def test_only_wanted_events_are_kept() -> None:
    events = Events()
    other = "audit(1700000000.123:46)"
    events.want(line("ino=9"))
    events.add([record(PATH, other), record(SYSCALL, other)])
    assert events.facts(line("ino=9")) == EventFacts()
    assert events.facts(line("ino=9", other)) == EventFacts()


def test_a_relative_path_without_a_directory_is_none() -> None:
    events = Events()
    events.want(line("ino=9"))
    events.add([record(PATH)])
    assert events.facts(line("ino=9")).path == ""


def test_an_event_of_very_many_records_is_cut() -> None:
    events = Events()
    events.want(line("ino=9"))
    events.add(record(PARENT) for _ in range(100))
    events.add([record(PATH)])
    assert events.facts(line("ino=9")).path == ""


@pytest.mark.parametrize("text", ["", "type=AVC msg=audit(1.0:2): x", "type=PATH", "type=EOE msg=audit(1.0:2): "])
def test_other_lines_are_no_companions(text: str) -> None:
    assert companion_line(1, text) is None


def test_the_kernels_numbers_are_known() -> None:
    found = companion_line(3, 'audit: type=1302 audit(1.0:2): item=0 name="/x" inode=3')
    assert found is not None
    assert (found.line, found.kind, found.stamp) == (3, "PATH", "audit(1.0:2)")


def test_a_reader_gives_them_where_they_are_wanted() -> None:
    access = line("ino=9 scontext=a:b:c tcontext=a:b:d").text
    text = f"{access}\ntype=PATH msg={STAMP}: item=0\n"
    assert [type(each).__name__ for each in LogReader(companions=True).read(text)] == ["AccessLine", "CompanionLine"]
    assert [type(each).__name__ for each in LogReader().read(text)] == ["AccessLine"]
