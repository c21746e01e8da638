"""What is asked about a task's sockets: which label one has, and whether the task may use it."""

import errno
import os
from contextlib import suppress

from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.callerfiles import copy_of
from selbox.enforce.creation import created_sid
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.monitor import AccessDenied, Fields
from selbox.enforce.needlessnewsockets import SPARED_ACCEPT
from selbox.enforce.socketlabels import SocketLabel, is_socket
from selbox.enforce.sockets import CallerSocket, copy_socket, describe_socket, is_listening, socket_behind
from selbox.objects.socketclasses import EXTENDED_SOCKET_CLASS, socket_class
from selbox.typing import Final

_CREATED: Final = 4096
_SHARED: Final = "a socket was not listened on: programs of another domain have it, and might accept by it unasked"


class SocketChecks:
    """Labels and permissions of callers' sockets."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._labels = box.socket_labels
        self._extended = EXTENDED_SOCKET_CLASS in box.server.policy.policy_capabilities
        self._created: dict[tuple[int, str], int] = {}
        self._generation = -1

    def class_of(self, family: int, type_: int, protocol: int) -> str:
        """Return the class of a socket, by the policy's capabilities."""
        return socket_class(family, type_, protocol, extended=self._extended)

    def new(self, caller: Caller, object_class: str) -> SocketLabel:
        """Return the label of a socket that a task makes (kernel: ``socket_sockcreate_sid``)."""
        state = caller.state
        return SocketLabel(
            state.next_labels.socket_create_sid or self._created_sid(state.sid, object_class), object_class
        )

    def _created_sid(self, task: int, object_class: str) -> int:
        if self._generation != self._box.monitor.generation or len(self._created) > _CREATED:
            self._created = {}
            self._generation = self._box.monitor.generation
        sid = self._created.get((task, object_class))
        if sid is None:
            sid = self._created[task, object_class] = created_sid(self._box, task, task, object_class)
        return sid

    def of(self, caller: Caller, own: CallerSocket) -> SocketLabel:
        """Return the label of a caller's socket; one without a label is as the caller's own new ones."""
        return self._labels.known(own.inode) or self._derive(caller.state.sid, own)

    def _derive(self, task: int, own: CallerSocket) -> SocketLabel:
        label = self.derived(task, self.class_of(own.family, own.type, own.protocol))
        self._labels.derive(own.inode, label)
        return label

    def of_copy(self, task: int, descriptor: int) -> SocketLabel:
        """Return the label of a socket as :meth:`of`, by the SID of the task that has it and a copy of its descriptor.

        Raises:
            OSError: ENOTSOCK.
        """
        status = os.fstat(descriptor)
        label = self._labels.known(status.st_ino) if is_socket(status) else None
        return label or self._derive(task, socket_behind(self._box, descriptor))

    def derived(self, task: int, object_class: str) -> SocketLabel:
        """Return the label of a task's socket of a class that was given none, by the SID of the task."""
        return SocketLabel(self._created_sid(task, object_class), object_class)

    def of_number(self, caller: Caller, number: int) -> SocketLabel:
        """Return the label of the socket behind a descriptor number.

        A copy of the descriptor takes less than its name in ``/proc``, which serves where nothing may be copied.

        Raises:
            OSError: EBADF and ENOTSOCK as the kernel has them.
        """
        try:
            copy = copy_of(self._box, caller, number)
        except PermissionError:
            return self._of_name(caller, number)
        return self.of_copy(caller.state.sid, copy)

    def number_of(self, caller: Caller, status: os.stat_result) -> int:
        """Return the number of a caller's descriptor of a socket that is met by a link in ``/proc``.

        Raises:
            OSError: EOPNOTSUPP when the caller has none: whose socket it is, is not known.
        """
        with own_capabilities():
            for number in os.listdir(f"/proc/{caller.tid}/fd"):
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.stat(f"/proc/{caller.tid}/fd/{number}"), status):
                        return int(number)
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    def _of_name(self, caller: Caller, number: int) -> SocketLabel:
        """Return what :meth:`of_number` does, by the descriptor's name in ``/proc``."""
        try:
            with own_capabilities():
                status = os.stat(f"/proc/{caller.tid}/fd/{number}")
        except FileNotFoundError:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF)) from None
        label = self._labels.known(status.st_ino) if is_socket(status) else None
        return self.of(caller, copy_socket(self._box, caller, number)) if label is None else label

    def check(self, caller: Caller, own: CallerSocket, permission: str) -> SocketLabel:
        """Check a permission on a task's own socket and return its label (kernel: ``sock_has_perm``).

        Raises:
            AccessDenied: when policy denies it.
        """
        label = self.of(caller, own)
        if label.sid != self._box.labels.outside:  # the kernel asks nothing about sockets of its own
            self._box.monitor.check(caller, label.sid, label.object_class, (permission,), lambda: describe_socket(own))
        return label

    def check_number(self, caller: Caller, number: int, permission: str) -> SocketLabel:
        """Check a permission as :meth:`check`, on the socket behind a descriptor number."""
        label = self.of_number(caller, number)
        self.check_label(caller, number, label, permission)
        return label

    def check_label(self, caller: Caller, number: int, label: SocketLabel, permission: str) -> None:
        """Check a permission as :meth:`check_number`, on a socket whose label is known."""
        if label.sid != self._box.labels.outside:

            def describe() -> Fields:
                return describe_socket(copy_socket(self._box, caller, number))

            self._box.monitor.check(caller, label.sid, label.object_class, (permission,), describe)

    def give(self, caller: Caller, number: int, status: os.stat_result) -> SocketLabel:
        """Give the socket behind a descriptor number its label, since a task of another domain is about to have it.

        Args:
            caller: a task that has it, with its own domain still.
            number: the descriptor's.
            status: the socket's.
        """
        label = self._labels.known(status.st_ino) or self.of(caller, copy_socket(self._box, caller, number))
        self._labels.assign(status.st_ino, label)
        return label

    def give_copy(self, caller: Caller, descriptor: int) -> SocketLabel:
        """Give a socket its label by a copy of its descriptor; see :meth:`give`."""
        label = self.of_copy(caller.state.sid, descriptor)
        self._labels.assign(os.fstat(descriptor).st_ino, label)
        return label

    def hand_over(self, caller: Caller, descriptor: int, receiver: int) -> SocketLabel:
        """Give a socket its label as :meth:`give_copy`, since a domain is about to have it.

        Args:
            caller: a task that has it, with its own domain still.
            descriptor: the supervisor's copy.
            receiver: SID of the domain.

        Raises:
            AccessDenied: for another domain's that listens, where ``accept`` is not asked about.
        """
        label = self.give_copy(caller, descriptor)
        if SPARED_ACCEPT in self._box.settings.spared and label != self.derived(receiver, label.object_class):
            inode = os.fstat(descriptor).st_ino
            if self._labels.listens(inode) or is_listening(descriptor):
                raise AccessDenied
            self._labels.note_shared(inode)
        return label

    def check_listening(self, inode: int) -> None:
        """Check that a socket about to listen is in no other domain's hands, where ``accept`` is not asked about.

        Raises:
            OSError: EINVAL where it is.
        """
        if self._labels.is_shared(inode):
            self._box.recorder.hindrances[_SHARED] = None
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._labels.note_listening(inode)


def give_all(box: Box, caller: Caller) -> None:
    """Give every socket of a task its label, since the task is about to change its domain."""
    checks = SocketChecks(box)
    with own_capabilities():
        numbers = os.listdir(f"/proc/{caller.tid}/fd")
    for number in numbers:
        try:
            with own_capabilities():
                status = os.stat(f"/proc/{caller.tid}/fd/{number}")
        except FileNotFoundError:
            continue  # closed meanwhile
        if is_socket(status):
            checks.give(caller, int(number), status)
