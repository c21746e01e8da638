import json
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selbox.audit.avcrecord import AvcRecord, format_record, parse_record
from selbox.audit.fields import UNTRUSTED, Stamp
from selbox.diagnostics import SelboxError

DENIED = AvcRecord(
    stamp=Stamp(1700000000, 123, 45),
    granted=False,
    permissions=("read",),
    pid=123,
    comm="cat",
    fields=(("path", "/x/y"), ("dev", "vda"), ("ino", "12")),
    scontext="u:r:t:s0",
    tcontext="u:object_r:f:s0:c1,c3",
    tclass="file",
)

# Names and paths are bytes; every one of them is a possible name.
UNTRUSTED_TEXT = st.binary(max_size=12).map(lambda value: value.decode("utf-8", "surrogateescape"))
PLAIN_TEXT = st.from_regex(r"[0-9a-z:./_-]+", fullmatch=True)
OBJECT_FIELDS = ["path", "name", "dev", "ino", "capability", "ipc_key", "opid", "ocomm", "laddr", "lport", "key_desc"]
FIELD = st.sampled_from(OBJECT_FIELDS).flatmap(
    lambda name: st.tuples(st.just(name), UNTRUSTED_TEXT if name in UNTRUSTED else PLAIN_TEXT)
)
CONTEXT = st.from_regex(r"[a-z_]+:[a-z_]+:[a-z_]+:s0(-s1:c[0-9](,c1[0-9])?)?", fullmatch=True)
WORD = st.from_regex(r"[a-z][a-z0-9_]*", fullmatch=True)


@st.composite
def records(draw: st.DrawFn) -> AvcRecord:
    granted = draw(st.booleans())
    return AvcRecord(
        stamp=Stamp(draw(st.integers(0, 2**40)), draw(st.integers(0, 999)), draw(st.integers(0, 2**32 - 1))),
        granted=granted,
        permissions=tuple(draw(st.lists(WORD, min_size=1, max_size=4))),
        pid=draw(st.integers(1, 2**22)),
        comm=draw(UNTRUSTED_TEXT),
        fields=tuple(draw(st.lists(FIELD, max_size=4))),
        scontext=draw(CONTEXT),
        tcontext=draw(CONTEXT),
        tclass=draw(WORD),
        permissive=not granted and draw(st.booleans()),
    )


def test_denied_as_the_kernel_writes_it() -> None:
    assert format_record(DENIED) == (
        'type=AVC msg=audit(1700000000.123:45): avc:  denied  { read } for  pid=123 comm="cat" path="/x/y" '
        'dev="vda" ino=12 scontext=u:r:t:s0 tcontext=u:object_r:f:s0:c1,c3 tclass=file permissive=0'
    )


def test_granted_says_nothing_of_permissive() -> None:
    record = DENIED._replace(granted=True, permissions=("read", "open"), fields=())
    assert format_record(record) == (
        'type=AVC msg=audit(1700000000.123:45): avc:  granted  { read open } for  pid=123 comm="cat" '
        "scontext=u:r:t:s0 tcontext=u:object_r:f:s0:c1,c3 tclass=file"
    )


def test_untrusted_text_that_could_be_misread_is_hexadecimal() -> None:
    fields = (("path", "/tmp/a b"), ("name", "caf\u00e9"), ("dev", 'q"'), ("name", "\n"))
    text = format_record(DENIED._replace(comm="a\udcff", fields=fields))
    assert " comm=61FF path=2F746D702F612062 name=636166C3A9 dev=7122 name=0A scontext=" in text


def test_the_kernels_extra_space() -> None:
    capability = DENIED._replace(fields=(("capability", "12"),), permissive=True)
    assert " capability=12  scontext=" in format_record(capability)
    assert format_record(capability).endswith(" permissive=1")
    assert " ipc_key=-559038737  scontext=" in format_record(DENIED._replace(fields=(("ipc_key", "-559038737"),)))


def test_raw_contexts_come_last() -> None:
    record = DENIED._replace(fields=(("srawcon", "u:r:gone:s0"),))
    assert format_record(record).endswith(' permissive=0 srawcon="u:r:gone:s0"')


@given(records())
def test_round_trip(record: AvcRecord) -> None:
    text = format_record(record)
    assert text.isprintable()
    assert text.isascii()
    assert parse_record(text) == record
    assert parse_record(text + "\n") == record


@pytest.mark.parametrize(
    "line",
    [
        # What real logs hold: the kernel's ring buffer, a host name before, auditd's enrichment after.
        '[ 12.345] audit: type=1400 audit(1700000000.123:45): avc:  denied  { read } for  pid=1 comm="x" {}',
        'node=host type=AVC msg=audit(1700000000.123:45): avc:  denied  { read } for  pid=1 comm="x" {}',
        'type=AVC msg=audit(1700000000.123:45): avc:  denied  { read } for  pid=1 comm="x" {}\x1dUID="root"',
    ],
)
def test_other_logs(line: str) -> None:
    record = parse_record(line.replace("{}", "dev=tmpfs scontext=a:b:c:s0 tcontext=d:e:f:s0 tclass=dir permissive=1"))
    expected = AvcRecord(
        Stamp(1700000000, 123, 45), False, ("read",), 1, "x", (("dev", "tmpfs"),), "a:b:c:s0", "d:e:f:s0", "dir", True
    )
    assert record == expected


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (("type=AVC msg=", ""), "audit-header", "not an audit record"),
        (("(1700000000.123:45)", "(yesterday)"), "audit-header", "not an audit record"),
        (("type=AVC", "type=SYSCALL"), "audit-kind", "type=SYSCALL"),
        (("denied", "refused"), "audit-fields", "avc:  refused"),
        (("{ read }", "{  }"), "audit-fields", "PERMISSIONS"),
        (("tclass=file", ""), "audit-missing-field", "lacks tclass"),
        (("ino=12", "garbage"), "audit-fields", "found `garbage scontext"),
        (("pid=123", "pid=x"), "audit-fields", "process number"),
        (("permissive=0", "permissive=maybe"), "audit-fields", "permissive=1"),
        (('"cat"', '"cat'), "audit-fields", "expected `name=value`"),
    ],
)
def test_broken_records(change: tuple[str, str], code: str, message: str) -> None:
    with pytest.raises(SelboxError, match=re.escape(message)) as caught:
        parse_record(format_record(DENIED).replace(*change))
    assert caught.value.diagnostics[0].code == code


@given(st.text(), st.integers(0, 200), st.integers(0, 200))
def test_nothing_but_foreseen_errors(noise: str, start: int, end: int) -> None:
    text = format_record(DENIED)
    messages: list[str] = []
    try:
        parse_record(text[:start] + noise + text[end:])
    except SelboxError as error:
        messages += [each.message for each in error.diagnostics]
    assert all(each.isprintable() for each in messages)


def test_field() -> None:
    assert DENIED.field("dev") == "vda"
    assert DENIED.field("name") is None


DEBIAN_PYTHON = "/usr/bin/python3"
HAS_SEPOLGEN = Path(DEBIAN_PYTHON).exists() and Path("/usr/lib/python3/dist-packages/sepolgen").exists()
READER = """
import json, sys
import sepolgen.audit
parser = sepolgen.audit.AuditParser()
parser.parse_string(sys.stdin.read())
assert not parser.invalid_msgs
print(json.dumps([[str(m.scontext), str(m.tcontext), m.tclass, m.comm, m.name, m.accesses, m.denial]
    for m in parser.avc_msgs]))
"""


@pytest.mark.oracle
@pytest.mark.skipif(not HAS_SEPOLGEN, reason="sepolgen (python3-sepolgen) needed")
def test_sepolgen_reads_what_we_write() -> None:
    written = [
        DENIED._replace(fields=(("name", "y"), ("dev", "vda"), ("ino", "12"))),
        DENIED._replace(granted=True, permissions=("read", "open"), fields=(("name", "z"),)),
        DENIED._replace(fields=(("capability", "12"),), tclass="capability", permissive=True),
        DENIED._replace(fields=(("ipc_key", "7"),), tclass="shm", permissions=("associate", "unix_read")),
    ]
    text = "".join(format_record(each) + "\n" for each in written)
    output = subprocess.run([DEBIAN_PYTHON, "-c", READER], input=text, capture_output=True, check=True, text=True)
    expected = [
        [r.scontext, r.tcontext, r.tclass, r.comm, r.field("name") or "", list(r.permissions), not r.granted]
        for r in written
    ]
    assert json.loads(output.stdout) == expected
