"""Netlink sockets whose other end is SELinux or the audit system, which in a box are the supervisor.

The host's kernel has no SELinux to tell of changes, and what programs of a box have to say for the audit log belongs
into the box's own. Behind such a socket is a pair of unix sockets; what is sent and received passes the supervisor,
which gives it the look of netlink. So that receiving can be noticed, the socket is put at one of the high numbers that
the filter watches.

Source: the kernel's ``security/selinux/netlink.c`` and ``kernel/audit.c``; ``netlink(7)``.
"""

import errno
import os
import re
import select
import socket
import struct

from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.changes import login_of
from selbox.enforce.credentials import read_ids
from selbox.enforce.pidnumbers import meant_by
from selbox.enforce.reserved import put_at_reserved_number
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.socketlabels import SocketLabel
from selbox.enforce.tasks import command_name, thread_group
from selbox.typing import Final, NamedTuple

SELINUX: Final = 7
AUDIT: Final = 9
PROTOCOLS: Final = frozenset({SELINUX, AUDIT})
"""``NETLINK_SELINUX`` and ``NETLINK_AUDIT``."""

_NETLINK: Final = 16
_ADDRESS = struct.Struct("=HHII")
KERNEL_ADDRESS: Final = _ADDRESS.pack(_NETLINK, 0, 0, 0)
"""``struct sockaddr_nl`` of the kernel."""

_HEADER = struct.Struct("=IHHII")
_ERROR = struct.Struct("=i")
_NUMBER = struct.Struct("=I")
_GROUPS_OF_ADDRESS: Final = 32
_NLM_F_ACK: Final = 4
_NLM_F_MULTI: Final = 2
_NLMSG_ERROR: Final = 2
_NLMSG_DONE: Final = 3
_SELNL_MSG_SETENFORCE: Final = 0x10
_SELNL_MSG_POLICYLOAD: Final = 0x11
_SELNL_GROUP: Final = 1
_AUDIT_GET: Final = 1000
_AUDIT_LIST_RULES: Final = 1013
_AUDIT_GET_FEATURE: Final = 1019
_BACKLOG: Final = 64
_ANSWERS: Final = {
    _AUDIT_GET: (_AUDIT_GET, 0, struct.pack("=11I", 0, 1, 1, 0, 0, _BACKLOG, 0, 0, 0, 0, 0)),
    _AUDIT_LIST_RULES: (_NLMSG_DONE, _NLM_F_MULTI, b""),
    _AUDIT_GET_FEATURE: (_AUDIT_GET_FEATURE, 0, struct.pack("=4I", 1, 3, 0, 0)),
}
"""Type, flags and content of answers: ``struct audit_status`` of a system that is switched on, the end of no rules, and
``struct audit_features`` of one without features."""

_MOST: Final = 256
_USER_AVC: Final = 1107
_ASKER: Final = re.compile(rb" spid=(\d{1,9}) ")


class _KernelSocket(NamedTuple):
    """One such socket.

    Attributes:
        protocol: which it is.
        end: the supervisor's end.
        groups: numbers of the groups that it belongs to.
    """

    protocol: int
    end: socket.socket
    groups: set[int]


class KernelSockets:
    """Makes such sockets, takes what is sent to them, and tells their owners what happens.

    Args:
        box: the box.
        capabilities: asks whether a task may use one.
    """

    def __init__(self, box: Box, capabilities: Capabilities) -> None:
        self._box = box
        self._capabilities = capabilities
        self._sockets: dict[int, _KernelSocket] = {}
        """By inode number of the box's end."""
        self._shown = (box.server.enforcing, box.server.seqno)
        self._listens = False

    @property
    def exist(self) -> bool:
        """Whether there are any."""
        return bool(self._sockets)

    def has(self, inode: int) -> bool:
        """Tell whether a socket is one of these."""
        return inode in self._sockets

    def make(self, caller: Caller, label: SocketLabel, arguments: Arguments) -> int:
        """Make a socket for a caller and answer its call.

        Raises:
            OSError: ENFILE when the box has too many.
        """
        self._forget_closed()
        if len(self._sockets) >= _MOST:
            raise OSError(errno.ENFILE, os.strerror(errno.ENFILE))
        if not self._listens:
            self._box.server.add_listener(self._changed)
            self._listens = True
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            ours.setblocking(False)
            theirs.setblocking(not arguments[1] & socket.SOCK_NONBLOCK)
            inode = os.fstat(theirs.fileno()).st_ino
            self._sockets[inode] = _KernelSocket(arguments[2] & 0xFFFFFFFF, ours, set())
            self._box.socket_labels.assign(inode, label)
            return put_at_reserved_number(self._box, caller, theirs.fileno(), arguments[1] & os.O_CLOEXEC)

    def _forget_closed(self) -> None:
        """Forget sockets that nobody in the box has open any more."""
        poll = select.poll()
        by_number = {each.end.fileno(): inode for inode, each in self._sockets.items()}
        for number in by_number:
            poll.register(number, 0)
        for number, _ in poll.poll(0):
            self._sockets.pop(by_number[number]).end.close()

    def bind(self, inode: int, address: bytes) -> int:
        """Take a socket into the groups of an address.

        Raises:
            OSError: EINVAL for what is no address; EPERM for the groups of the audit system, which a box has not.
        """
        if len(address) < _ADDRESS.size:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        family, _, _, groups = _ADDRESS.unpack_from(address)
        if family != _NETLINK:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        for number in range(groups.bit_length()):
            if groups >> number & 1:
                self.join(inode, number + 1)
        return 0

    def join(self, inode: int, group: int) -> int:
        """Take a socket into a group.

        Raises:
            OSError: EPERM for a group of the audit system, which a box has not; EINVAL for what is no group.
        """
        if group < 1:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        found = self._sockets[inode]
        if found.protocol == AUDIT:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        found.groups.add(group)
        return 0

    def address(self, caller: Caller, inode: int) -> bytes:
        """Return the address of a caller's own socket."""
        groups = sum(1 << group - 1 for group in self._sockets[inode].groups if group <= _GROUPS_OF_ADDRESS)
        return _ADDRESS.pack(_NETLINK, 0, thread_group(caller.tid), groups)

    # --- SELinux tells ----------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        """Tell of a new mode, and of a new policy or other booleans (``selnl_notify``)."""
        enforcing, seqno = self._box.server.enforcing, self._box.server.seqno
        shown, self._shown = self._shown, (enforcing, seqno)
        if enforcing != shown[0]:
            self._tell(_SELNL_MSG_SETENFORCE, enforcing)
        if seqno != shown[1]:
            self._tell(_SELNL_MSG_POLICYLOAD, seqno)

    def _tell(self, type_: int, value: int) -> None:
        message = _message(type_, 0, _NUMBER.pack(value))
        for each in self._sockets.values():
            if each.protocol == SELINUX and _SELNL_GROUP in each.groups:
                _send(each, message)

    # --- What is told to the audit system -----------------------------------------------------------------------------

    def take(self, caller: Caller, inode: int, data: bytes) -> int:
        """Take what a caller sends; its type has been asked about. Return how much it was.

        Raises:
            OSError: ECONNREFUSED where nobody listens.
        """
        found = self._sockets[inode]
        if found.protocol == SELINUX:
            raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        position = 0
        while position + _HEADER.size <= len(data):
            size, type_, flags, sequence, _ = header = _HEADER.unpack_from(data, position)
            if size < _HEADER.size or size > len(data) - position:
                break
            error = self._record(caller, type_, data[position + _HEADER.size : position + size])
            if error or flags & _NLM_F_ACK:
                _send(found, _message(_NLMSG_ERROR, sequence, _ERROR.pack(-error) + _HEADER.pack(*header)))
            if type_ in _ANSWERS and not error:
                answer, its_flags, content = _ANSWERS[type_]
                _send(found, _message(answer, sequence, content, its_flags))
            position += size + 3 & ~3
        return len(data)

    def _record(self, caller: Caller, type_: int, payload: bytes) -> int:
        """Record a message (``audit_receive_msg``); return an errno, or 0."""
        from selbox.audit.relayedrecord import format_relayed, is_user_type

        if not is_user_type(type_):
            # Changing what is audited is for the host, as for a kernel's first namespace.
            is_asked = type_ in _ANSWERS and self._capabilities.may_use(caller, "audit_control")
            return 0 if is_asked else errno.EPERM
        if not self._capabilities.may_use(caller, "audit_write"):
            return errno.EPERM
        pid = thread_group(caller.tid)
        recorder, subject = self._box.recorder, self._box.server.sid_to_context(caller.state.sid)
        user = read_ids(caller.tid).users[0]
        line = format_relayed(type_, recorder.stamp(), pid, user, login_of(caller.tid), subject, payload)
        if type_ == _USER_AVC:
            recorder.user_avc(line, self._asker(caller, payload))
        else:
            recorder.write(line)
        return 0

    def _asker(self, caller: Caller, payload: bytes) -> str:
        """Return what the task is called that an object manager names (``spid``); empty for none of the box."""
        named = _ASKER.search(payload)
        tid = meant_by(caller, int(named[1])) if named else 0
        return command_name(tid) if tid > 0 and self._box.tasks.state_of(tid) is not None else ""


def _message(type_: int, sequence: int, payload: bytes, flags: int = 0) -> bytes:
    return _HEADER.pack(_HEADER.size + len(payload), type_, flags, sequence, 0) + payload


def _send(found: _KernelSocket, message: bytes) -> None:
    """Send to the box, unless its end is closed or full; the kernel, too, drops what nobody reads."""
    try:
        found.end.send(message)
    except OSError:
        return
