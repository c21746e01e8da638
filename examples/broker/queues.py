"""The object manager: queues that carry labels, and the checks before anything is done with them."""

from collections import deque
from typing import Final, NamedTuple

from selbox import ObjectManager

OBJECT_CLASS: Final = "broker_queue"
MOST_QUEUES: Final = 100
MOST_MESSAGES: Final = 1000


class QueueError(Exception):
    """What was asked for cannot be done, whoever asks; its text is for the client."""


class Queue(NamedTuple):
    """A queue.

    Attributes:
        label: its security context.
        messages: oldest first.
    """

    label: str
    messages: deque[str]


class Queues:
    """All queues of a broker. Subjects are the security contexts of clients.

    Args:
        manager: answers who may do what.
        broker: the broker's own context, from which new queues take theirs.
    """

    def __init__(self, manager: ObjectManager, broker: str) -> None:
        self._manager = manager
        self._broker = broker
        self._queues: dict[str, Queue] = {}

    def create(self, subject: str, name: str) -> str:
        """Make a queue and return its label.

        Raises:
            PermissionDenied: when the subject may not make queues with the label that this one would have.
            QueueError: when there is one of that name, or no room.
        """
        label = self._manager.compute_create(subject, self._broker, OBJECT_CLASS, name)
        self._check(subject, label, "create", name)
        if name in self._queues:
            raise QueueError("there is a queue of that name")
        if len(self._queues) >= MOST_QUEUES:
            raise QueueError("there are too many queues")
        self._queues[name] = Queue(label, deque())
        return label

    def publish(self, subject: str, name: str, message: str) -> str:
        """Put a message into a queue and return the queue's label.

        Raises:
            PermissionDenied: when the subject may not.
            QueueError: when there is no such queue, or it is full.
        """
        queue = self._queue(name)
        self._check(subject, queue.label, "publish", name)
        if len(queue.messages) >= MOST_MESSAGES:
            raise QueueError("the queue is full")
        queue.messages.append(message)
        return queue.label

    def consume(self, subject: str, name: str) -> tuple[str, str]:
        """Take the oldest message out of a queue; return the queue's label and the message.

        Raises:
            PermissionDenied: when the subject may not.
            QueueError: when there is no such queue, or nothing in it.
        """
        queue = self._queue(name)
        self._check(subject, queue.label, "consume", name)
        if not queue.messages:
            raise QueueError("the queue is empty")
        return queue.label, queue.messages.popleft()

    def _queue(self, name: str) -> Queue:
        if name not in self._queues:
            raise QueueError("there is no queue of that name")
        return self._queues[name]

    def _check(self, subject: str, label: str, permission: str, name: str) -> None:
        self._manager.check_permission(subject, label, OBJECT_CLASS, permission, {"queue": name})
