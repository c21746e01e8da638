"""Audit records of what programs have logged: user space's own decisions, logins, changes of accounts.

Source: the kernel's ``audit_receive_msg`` and ``audit_log_common_recv_msg``; the names are those of libaudit's
``audit-records.h``.
"""

from selbox.audit.eventrecord import Login
from selbox.audit.fields import Stamp, format_header
from selbox.typing import Final

_FIRST: Final = 1100
_NAMES: Final = (
    *("USER_AUTH", "USER_ACCT", "USER_MGMT", "CRED_ACQ", "CRED_DISP", "USER_START", "USER_END", "USER_AVC"),
    *("USER_CHAUTHTOK", "USER_ERR", "CRED_REFR", "USYS_CONFIG", "USER_LOGIN", "USER_LOGOUT", "ADD_USER", "DEL_USER"),
    *("ADD_GROUP", "DEL_GROUP", "DAC_CHECK", "CHGRP_ID", "TEST", "TRUSTED_APP", "USER_SELINUX_ERR", "USER_CMD"),
    *("USER_TTY", "CHUSER_ID", "GRP_AUTH", "SYSTEM_BOOT", "SYSTEM_SHUTDOWN", "SYSTEM_RUNLEVEL", "SERVICE_START"),
    *("SERVICE_STOP", "GRP_MGMT", "GRP_CHAUTHTOK", "MAC_CHECK", "ACCT_LOCK", "ACCT_UNLOCK", "USER_DEVICE"),
    "SOFTWARE_UPDATE",
)
_FIRST_LABELLED: Final = 2300
_LABELLED_NAMES: Final = (
    *("USER_ROLE_CHANGE", "ROLE_ASSIGN", "ROLE_REMOVE", "LABEL_OVERRIDE", "LABEL_LEVEL_CHANGE"),
    *("USER_LABELED_EXPORT", "USER_UNLABELED_EXPORT", "DEV_ALLOC", "DEV_DEALLOC", "FS_RELABEL"),
    *("USER_MAC_POLICY_LOAD", "ROLE_MODIFY", "USER_MAC_CONFIG_CHANGE", "USER_MAC_STATUS"),
)
_KINDS: Final = {
    1005: "USER",
    **dict(enumerate(_NAMES, _FIRST)),
    **dict(enumerate(_LABELLED_NAMES, _FIRST_LABELLED)),
}
_USER_TYPES: Final = (range(1005, 1006), range(1100, 1200), range(2100, 3000))
_LARGEST_TEXT: Final = 8560
_CONTROLS: Final = dict.fromkeys((*range(32), 127), " ")


def is_user_type(number: int) -> bool:
    """Tell whether a type of audit message is one that programs send, to be logged."""
    return any(number in each for each in _USER_TYPES)


def format_relayed(number: int, stamp: Stamp, pid: int, uid: int, login: Login, subject: str, message: bytes) -> str:
    """Return the record of what a program told, as auditd writes it, without a line end.

    Args:
        number: type of the message, such as 1107 for ``USER_AVC``.
        stamp: time and serial number.
        pid: the program's.
        uid: its real user.
        login: who is behind it.
        subject: its context.
        message: its text. INVARIANT: whatever it holds, the record is one line; control characters become spaces.
    """
    text = message.partition(b"\0")[0][:_LARGEST_TEXT].decode(errors="surrogateescape").translate(_CONTROLS)
    kind = _KINDS.get(number, f"UNKNOWN[{number}]")
    who = f"pid={pid} uid={uid} auid={login.auid} ses={login.session} subj={subject}"
    return f"{format_header(kind, stamp)} {who} msg='{text}'"
