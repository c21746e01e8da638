"""Messages of System V queues.

Nobody sees which message a receiver gets, so what is kept of a queue is which messages were sent and who may be
waiting: a message is let in, and a receiver let wait, where each may be received by each.

Source: the kernel's ``selinux_msg_queue_msgsnd`` and ``selinux_msg_queue_msgrcv``.
"""

import errno

from selbox.enforce.answer import CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.calls.sysvobjects import MSG, SysVObjects, describe_object
from selbox.enforce.creation import created_sid
from selbox.enforce.monitor import AccessDenied, Fields
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.typing import Final

_IPC_NOWAIT: Final = 0o4000


class SysVMessageCalls:
    """``msgsnd`` and ``msgrcv``.

    Args:
        box: the box.
        objects: those of the box, queues among them.
    """

    def __init__(self, box: Box, objects: SysVObjects) -> None:
        self._box = box
        self._objects = objects

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls, which are those of the methods."""
        return {each.__name__: each for each in (self.msgsnd, self.msgrcv)}

    def msgsnd(self, caller: Caller, arguments: Arguments) -> int:
        """``msgsnd(id, message, size, flags)``."""
        identifier = signed(arguments[0])
        self._box.memory.read_exactly(caller.tid, arguments[1], 8)
        monitor = self._box.monitor
        self._objects.check(caller, MSG, identifier, "unix_write")
        queue = self._objects.sid_of(MSG, identifier)
        message = created_sid(self._box, caller.state.sid, queue, "msg")

        def describe() -> Fields:
            return describe_object(MSG, identifier)

        self._objects.check(caller, MSG, identifier, "write")
        monitor.check(caller, message, "msg", ("send",), describe)
        monitor.check(caller, queue, "msgq", ("enqueue",), describe, source=message)
        traffic = self._objects.traffic_of(identifier)
        if message not in traffic.messages:
            # Whoever waits gets the message without asking again.
            for receiver in traffic.receivers:
                monitor.check(caller, message, "msg", ("receive",), describe, source=receiver)
            traffic.messages.add(message)
        return CONTINUE

    def msgrcv(self, caller: Caller, arguments: Arguments) -> int:
        """``msgrcv(id, message, size, type, flags)``."""
        identifier = signed(arguments[0])
        self._objects.check(caller, MSG, identifier, "unix_read")
        traffic = self._objects.traffic_of(identifier)
        try:
            self._objects.check(caller, MSG, identifier, "read")
            for message in traffic.messages:
                self._box.monitor.check(caller, message, "msg", ("receive",), lambda: describe_object(MSG, identifier))
        except AccessDenied:
            # To the kernel a message that may not be received is none.
            if arguments[4] & _IPC_NOWAIT:
                return -errno.ENOMSG
            raise
        traffic.receivers.add(caller.state.sid)
        return CONTINUE
