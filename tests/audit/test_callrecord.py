"""Records of calls are those of a real kernel (Debian's 6.1, no audit rules)."""

from selbox.audit.callrecord import CallingProcess, arguments_line, call_line, title_line
from selbox.audit.eventrecord import Login
from selbox.audit.fields import Stamp

STAMP = Stamp(1795372918, 579, 15)
UNCONFINED = "unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023"
ROOT = ("0", "0", "0", "0")
WORDS = b"runcon\0-u\0system_u\0-r\0system_r\0-t\0httpd_t\0cat\0/etc/shadow\0"
RUNCON = CallingProcess(165, 150, Login(), ROOT, ROOT, "", "runcon", "/usr/bin/runcon", WORDS)


def test_a_call_that_was_denied() -> None:
    registers = (0x7FFF058EDAD0, 0x7FFF058EDD60, 0x7FFF058EDD78, 0x7F3876EDBE70, 8, 0)
    assert call_line(STAMP, 59, registers, -13, RUNCON, UNCONFINED) == (
        "type=SYSCALL msg=audit(1795372918.579:15): arch=c000003e syscall=59 success=no exit=-13 a0=7fff058edad0 "
        "a1=7fff058edd60 a2=7fff058edd78 a3=7f3876edbe70 items=0 ppid=150 pid=165 auid=4294967295 uid=0 gid=0 euid=0 "
        'suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=4294967295 comm="runcon" exe="/usr/bin/runcon" '
        f"subj={UNCONFINED} key=(null)"
    )


def test_the_command_line() -> None:
    assert title_line(STAMP, RUNCON) == (
        "type=PROCTITLE msg=audit(1795372918.579:15): proctitle=72756E636F6E002D750073797374656D5F75002D72007379737465"
        "6D5F72002D740068747470645F7400636174002F6574632F736861646F77"
    )
    assert title_line(STAMP, RUNCON._replace(arguments=b"dmesg\0")).endswith(' proctitle="dmesg"')
    assert arguments_line(STAMP, RUNCON._replace(arguments=b"dmesg\0a b\0")).endswith(': argc=2 a0="dmesg" a1=612062')


def test_what_a_call_returns() -> None:
    def words(result: int | None) -> str:
        line = call_line(STAMP, 16, (1, 0x5401, 0, 0, 0, 0), result, RUNCON, UNCONFINED)
        return line.partition("syscall=16 ")[2].partition("a0=")[0].rstrip()

    assert words(-25) == "success=no exit=-25"
    assert words(1056) == "success=yes exit=1056"
    assert words(-512) == "success=no exit=-4"  # made again when the signal was handled: EINTR
    assert words(None) == ""


def test_who_made_it() -> None:
    process = RUNCON._replace(terminal="pts0", user=("1000", "1001", "1002", "1003"), group=("1", "2", "3", "4"))
    line = call_line(STAMP, 2, (0,) * 6, 0, process, UNCONFINED)
    assert " uid=1000 gid=1 euid=1001 suid=1002 fsuid=1003 egid=2 sgid=3 fsgid=4 tty=pts0 " in line
