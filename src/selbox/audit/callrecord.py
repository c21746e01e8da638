"""Records about the system call in which something was recorded: ``SYSCALL``, ``EXECVE``, ``PROCTITLE``.

They share the serial number of the AVC records of that call; `ausearch` and `aureport` show all of them as one event.
"""

from selbox.audit.eventrecord import EventRecord, Login
from selbox.audit.fields import Stamp, format_untrusted
from selbox.typing import Final, NamedTuple

_X86_64: Final = "c000003e"
_LONGEST_TITLE: Final = 128
_INTERRUPTED: Final = -4
_RESTARTED: Final = range(-516, -511)
"""Results by which the kernel makes an interrupted call again; a program sees them as EINTR."""


class CallingProcess(NamedTuple):
    """The process that made a call, as it was when it was stopped in it.

    Attributes:
        pid: its number.
        parent: its parent's.
        login: who is behind it.
        user: real, effective, saved and file system user id.
        group: the same of its group.
        terminal: name of its terminal, such as ``pts0``; empty where it has none.
        command: its command name.
        program: path of its program; empty where that cannot be told.
        arguments: its command line, each argument with a null byte behind it.
    """

    pid: int
    parent: int
    login: Login
    user: tuple[str, str, str, str]
    group: tuple[str, str, str, str]
    terminal: str
    command: str
    program: str
    arguments: bytes


def call_record(
    stamp: Stamp,
    number: int,
    arguments: tuple[int, ...],
    result: int | None,
    process: CallingProcess,
    subject: str,
) -> EventRecord:
    """Record a system call of x86_64.

    It is that of a host whose administrator has loaded no audit rules: without them the kernel notes no paths, so
    that ``items`` is 0, and no key.

    Args:
        stamp: of the event.
        number: of the call.
        arguments: its registers; the first four are recorded.
        result: what it returns, a negative one being an errno; None where that is not known, as the kernel writes of a
            call that never returned.
        process: who made it.
        subject: context of the process.

    Source: ``audit_log_exit`` and ``audit_log_task_info`` of the kernel.
    """
    fields = [("arch", _X86_64), ("syscall", str(number))]
    if result is not None:
        result = _INTERRUPTED if result in _RESTARTED else result
        fields += [("success", "no" if result < 0 else "yes"), ("exit", str(result))]
    fields += [(f"a{place}", f"{value:x}") for place, value in enumerate(arguments[:4])]
    fields += [("items", "0"), ("ppid", str(process.parent)), ("pid", str(process.pid))]
    (uid, euid, suid, fsuid), (gid, egid, sgid, fsgid) = process.user, process.group
    fields += [("auid", str(process.login.auid)), ("uid", uid), ("gid", gid), ("euid", euid), ("suid", suid)]
    fields += [("fsuid", fsuid), ("egid", egid), ("sgid", sgid), ("fsgid", fsgid)]
    fields += [("tty", process.terminal or "(none)"), ("ses", str(process.login.session))]
    fields += [("comm", process.command), ("exe", process.program or "?")]
    fields += [("subj", subject), ("key", "(null)")]
    return EventRecord("SYSCALL", stamp, tuple(fields))


def arguments_record(stamp: Stamp, process: CallingProcess) -> EventRecord:
    """Record with which arguments a program was started. Source: ``audit_log_execve_info`` of the kernel."""
    words = [each.decode("utf-8", "surrogateescape") for each in process.arguments.removesuffix(b"\0").split(b"\0")]
    fields = [(f"a{place}", format_untrusted(word)) for place, word in enumerate(words)]
    return EventRecord("EXECVE", stamp, (("argc", str(len(words))), *fields))


def title_record(stamp: Stamp, process: CallingProcess) -> EventRecord:
    """Record the command line of a process. Source: ``audit_log_proctitle`` of the kernel."""
    title = process.arguments[:_LONGEST_TITLE].rstrip(bytes(range(0x20)) + b"\x7f")
    return EventRecord("PROCTITLE", stamp, (("proctitle", title.decode("utf-8", "surrogateescape") or "?"),))
