"""Records about the system call in which something was recorded: ``SYSCALL``, ``EXECVE``, ``PROCTITLE``.

They share the serial number of the AVC records of that call; `ausearch` and `aureport` show all of them as one event.
"""

from functools import lru_cache

from selbox.audit.eventrecord import Login
from selbox.audit.fields import Stamp, format_header, format_untrusted
from selbox.typing import Final, NamedTuple

_X86_64: Final = "c000003e"
_LONGEST_TITLE: Final = 128
_UNPRINTABLE: Final = bytes(range(0x20)) + b"\x7f"
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


def call_line(
    stamp: Stamp, number: int, arguments: tuple[int, ...], result: int | None, process: CallingProcess, subject: str
) -> str:
    """Return the record of a system call of x86_64.

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
    outcome = ""
    if result is not None:
        result = _INTERRUPTED if result in _RESTARTED else result
        outcome = f" success={'no' if result < 0 else 'yes'} exit={result}"
    registers = " ".join([f"a{place}={value:x}" for place, value in enumerate(arguments[:4])])
    head = f"{format_header('SYSCALL', stamp)} arch={_X86_64} syscall={number}{outcome} {registers}"
    return f"{head} {_process_text(process, subject)}"


@lru_cache(maxsize=64)
def _process_text(process: CallingProcess, subject: str) -> str:
    """Return what the record of a call says of who made it; who is denied something often is denied it again."""
    (uid, euid, suid, fsuid), (gid, egid, sgid, fsgid) = process.user, process.group
    login = process.login
    return (
        f"items=0 ppid={process.parent} pid={process.pid} auid={login.auid} uid={uid} gid={gid} euid={euid} "
        f"suid={suid} fsuid={fsuid} egid={egid} sgid={sgid} fsgid={fsgid} tty={process.terminal or '(none)'} "
        f"ses={login.session} comm={format_untrusted(process.command)} "
        f"exe={format_untrusted(process.program or '?')} subj={subject} key=(null)"
    )


def arguments_line(stamp: Stamp, process: CallingProcess) -> str:
    """Return the record of the arguments that a program was started with.

    Source: ``audit_log_execve_info`` of the kernel.
    """
    words = [each.decode("utf-8", "surrogateescape") for each in process.arguments.removesuffix(b"\0").split(b"\0")]
    values = "".join(f" a{place}={format_untrusted(word)}" for place, word in enumerate(words))
    return f"{format_header('EXECVE', stamp)} argc={len(words)}{values}"


def title_line(stamp: Stamp, process: CallingProcess) -> str:
    """Return the record of a process's command line. Source: ``audit_log_proctitle`` of the kernel."""
    return f"{format_header('PROCTITLE', stamp)} proctitle={_title(process.arguments[:_LONGEST_TITLE])}"


@lru_cache(maxsize=64)
def _title(arguments: bytes) -> str:
    return format_untrusted(arguments.rstrip(_UNPRINTABLE).decode("utf-8", "surrogateescape") or "?")
