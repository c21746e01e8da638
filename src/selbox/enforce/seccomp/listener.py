"""The supervisor's end of seccomp user notification.

Source: ``seccomp_unotify(2)`` and the kernel's ``include/uapi/linux/seccomp.h``.
"""

import errno
import fcntl
import select
import struct
from collections import deque
from collections.abc import Callable

from selbox.enforce.steering import Steering
from selbox.typing import Final

_RECEIVE: Final = 0xC0502100
_SEND: Final = 0xC0182101
_ID_VALID: Final = 0x40082102
_ADD_FD: Final = 0x40182103
_SET_FLAGS: Final = 0x40082104
_SYNC_WAKE_UP: Final = 1
_CONTINUE: Final = 1
_SET_FD: Final = 1

_NOTIFICATION = struct.Struct("=QIIiIQ6Q")
_RESPONSE = struct.Struct("=QqiI")
_ADD = struct.Struct("=QIIII")
_ID = struct.Struct("=Q")

Arguments = tuple[int, int, int, int, int, int]


Notification = tuple[int, int, int, Arguments]
"""One stopped system call: the cookie that answers name, the thread id of the caller in the supervisor's pid namespace,
the number of the call, and its six registers, unsigned 64 bits each."""


class Listener:
    """A seccomp listener descriptor; closing it makes every mediated call fail with ENOSYS.

    Args:
        descriptor: the listener.
        numbers_last: tells whether a number of a task stands for no other one in the next moment.
    """

    def __init__(self, descriptor: int, numbers_last: Callable[[], bool]) -> None:
        self.descriptor = descriptor
        self.handled: Notification | None = None
        """The call that is being handled. INVARIANT: only the supervisor's loop changes it."""
        self.answered = (0, 0)
        """The call that was answered with a result last, and the result."""
        self._steering = Steering(numbers_last)
        self._kept: deque[Notification] = deque()
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        try:
            # Waking the caller on this very CPU saves a cross-CPU wake-up, by far the largest cost of an answer.
            fcntl.ioctl(descriptor, _SET_FLAGS, _SYNC_WAKE_UP)
        except OSError as error:  # kernels before 6.6 only lack the speed
            if error.errno not in (errno.EINVAL, errno.ENOTTY):
                raise

    def receive(self) -> Notification | None:
        """Return the next stopped call, or None when its caller died before it could be read."""
        return self._kept.popleft() if self._kept else self._receive()

    @property
    def has_kept(self) -> bool:
        """Whether there are calls that :meth:`receive` returns, though nothing is left to poll for."""
        return bool(self._kept)

    def let_pass(self, tid: int) -> None:
        """Let a call of a task continue, if it makes one just now; what others call is kept for :meth:`receive`.

        INVARIANT: for a task alone that makes no calls but those that the supervisor leads it to.
        """
        while self._poll.poll(0):
            notification = self._receive()
            if notification is None:
                return
            if notification[1] == tid:
                self.let_continue(notification[0])
                return
            self._kept.append(notification)

    def _receive(self) -> Notification | None:
        try:
            data = bytearray(_NOTIFICATION.size)  # with bytes, Python first makes and drops an error
            fcntl.ioctl(self.descriptor, _RECEIVE, data)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINTR):
                return None
            raise
        (id_, tid, _flags, number, _arch, _ip, a0, a1, a2, a3, a4, a5) = _NOTIFICATION.unpack(data)
        self.handled = id_, tid, number, (a0, a1, a2, a3, a4, a5)
        return self.handled

    def _ioctl(self, request: int, data: bytes) -> int:
        """Do an answering request; the caller's death (ENOENT) and its being answered already are no errors.

        What a signal interrupts is not done, and done again.
        """
        while True:
            try:
                return int(fcntl.ioctl(self.descriptor, request, bytearray(data)))
            except InterruptedError:
                continue
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.EINPROGRESS):
                    return -1
                raise

    def let_continue(self, id_: int) -> None:
        """Let the kernel run the call as it stands now.

        INVARIANT: sound only where the decision rested on register values, or where the outcome is verified.
        """
        self._ioctl(_SEND, _RESPONSE.pack(id_, 0, 0, _CONTINUE))

    def give_result(self, id_: int, value: int) -> None:
        """Answer with a result; a negative value is an errno."""
        self.answered = id_, value
        if value < 0:
            self._ioctl(_SEND, _RESPONSE.pack(id_, 0, value, 0))
        else:
            self._ioctl(_SEND, _RESPONSE.pack(id_, value, 0, 0))

    def give_descriptor(self, id_: int, descriptor: int, flags: int) -> None:
        """Put a copy of a descriptor into the caller, steered meanwhile where it can be, and answer with its number.

        These are two steps, between which only the caller's end comes: other signals wait for the answer. In one
        (``SECCOMP_ADDFD_FLAG_SEND``), a caller is answered with 0, and gets nothing, where a signal or a stop reaches
        the supervisor before the caller wakes.

        Args:
            id_: the notification.
            descriptor: the supervisor's own.
            flags: ``O_CLOEXEC`` or 0 for the copy.

        Raises:
            OSError: EMFILE and the like, which the caller has still to be told.
        """
        handled = self.handled
        is_steered = handled is not None and handled[0] == id_ and self._steering.hold(handled[1])
        try:
            number = self.add_descriptor(id_, descriptor, flags)
        finally:
            if handled is not None and is_steered:
                self._steering.release(handled[1])
        self.give_result(id_, number)

    def add_descriptor(self, id_: int, descriptor: int, flags: int) -> int:
        """Put a copy of a descriptor into the caller without answering yet; return its number there."""
        return self._ioctl(_ADD_FD, _ADD.pack(id_, 0, descriptor, 0, flags))

    def set_descriptor(self, id_: int, descriptor: int, number: int, flags: int) -> int:
        """Put a copy of a descriptor into the caller at a given number, closing what was there."""
        return self._ioctl(_ADD_FD, _ADD.pack(id_, _SET_FD, descriptor, number, flags))

    def is_valid(self, id_: int) -> bool:
        """Tell whether the caller still waits for the answer, so that its pid is still its own."""
        try:
            fcntl.ioctl(self.descriptor, _ID_VALID, _ID.pack(id_))
        except OSError:
            return False
        return True
