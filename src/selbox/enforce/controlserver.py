"""What a running box answers its owner and root: lines of JSON on its control socket, one request at a time.

It runs within the supervisor's loop, whenever that has nothing to do for the box. Nothing here waits: sockets do not
block, what a client sends and what it leaves unread is bounded, and who goes beyond is dropped.

A request is ``{"request": NAME, …}``; its reply ``{"value": …}`` or ``{"errors": [{"code", "message", "help"}]}``.
After ``follow``, each denial comes by itself, as ``{"denial": …}``.
"""

import errno
import json
import os
import select
import socket
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import islice

from selbox.diagnostics import SelboxError
from selbox.enforce.box import Box
from selbox.enforce.changes import record_booleans, set_enforcing
from selbox.enforce.control import Description
from selbox.enforce.linux import O_PATH
from selbox.enforce.recorder import Denial
from selbox.enforce.tasks import label_number
from selbox.typing import Any, Final, NoReturn

_CLIENTS: Final = 16
_MOST_ASKED: Final = 1 << 16
_MOST_UNREAD: Final = 1 << 22
_AT_ONCE: Final = 1 << 14
_ROWS: Final = 100
_CREDENTIALS = struct.Struct("=iII")
_READ, _WRITE = select.EPOLLIN, select.EPOLLOUT

Request = Mapping[str, Any]
"""What was asked, as JSON has it."""


class _Client:
    """One who asks.

    Attributes:
        pid: of the process that connected; 0 when it is in an outer pid namespace.
        asked: the beginning of a request; unread: replies that the client has not taken yet.
        follows: whether it is told of each denial.
    """

    __slots__ = ("asked", "follows", "pid", "socket", "unread")

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self.socket = connection
        self.pid = pid
        self.asked = bytearray()
        self.unread = bytearray()
        self.follows = False


class ControlServer:
    """Answers the clients of one box.

    Args:
        box: the box.
        listening: descriptor of the socket where they connect, which is the server's from now on.
        description: what the box tells of its start.
    """

    def __init__(self, box: Box, listening: int, description: Description) -> None:
        self._box = box
        self._listening = socket.socket(fileno=listening)
        self._description = description
        self._epoll = select.epoll()
        self._spare = os.open("/", O_PATH | os.O_CLOEXEC)
        self._clients: dict[int, _Client] = {}
        self._requests: dict[str, Callable[[_Client, Request], object]] = {
            "status": self._status,
            "contexts": self._contexts,
            "booleans": self._booleans,
            "setenforce": self._setenforce,
            "setbooleans": self._setbooleans,
            "follow": self._follow,
        }
        box.recorder.watchers.append(self._tell)

    @property
    def descriptor(self) -> int:
        """Can be read when there is something to do for :meth:`take`."""
        return self._epoll.fileno()

    def close(self) -> None:
        """Let all clients go."""
        for client in list(self._clients.values()):
            self._drop(client)
        self._epoll.close()
        self._listening.close()
        os.close(self._spare)

    # --- Clients ----------------------------------------------------------------------------------------------------

    def accept(self) -> None:
        """Take a connection, if it is the box's owner's or root's, from outside."""
        try:
            connection, _ = self._listening.accept()
        except OSError as error:  # it is gone already, or there are no descriptors left
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._turn_away()
            return
        pid, user, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if not _may_ask(pid, user):
            connection.close()
            return
        if len(self._clients) >= _CLIENTS:
            self._drop(next(iter(self._clients.values())))
        connection.setblocking(False)
        self._clients[connection.fileno()] = _Client(connection, pid)
        self._epoll.register(connection.fileno(), _READ)

    def _turn_away(self) -> None:
        """Close a connection that there is no descriptor for, which would wait and keep the loop busy."""
        os.close(self._spare)
        with suppress(OSError):
            self._listening.accept()[0].close()
        self._spare = os.open("/", O_PATH | os.O_CLOEXEC)

    def take(self) -> None:
        """Go on with clients that have asked, or can take more of a reply."""
        for descriptor, event in self._epoll.poll(0, _CLIENTS):
            client = self._clients.get(descriptor)
            if client is None:
                continue
            try:
                if event & _WRITE:
                    self._go_on(client)
                else:
                    self._receive(client)
            except OSError:
                self._drop(client)
            except Exception as error:  # noqa: BLE001 - a client must not end the supervision
                self._box.recorder.fault("request to the box", error)
                self._drop(client)

    def _receive(self, client: _Client) -> None:
        data = client.socket.recv(_AT_ONCE)
        if not data:
            self._drop(client)
            return
        client.asked += data
        self._answer_next(client)

    def _answer_next(self, client: _Client) -> None:
        """Answer one request, if it is whole; the next one when the reply has been taken."""
        line, end, rest = client.asked.partition(b"\n")
        if not end or len(line) > _MOST_ASKED:
            if len(line) > _MOST_ASKED:
                self._drop(client)
            return
        client.asked = rest
        self._clients[client.socket.fileno()] = self._clients.pop(client.socket.fileno())  # who asks is dropped last
        self._say(client, self._answer(client, line))

    def _answer(self, client: _Client, line: bytearray) -> object:
        try:
            request = json.loads(line)
            handle = self._requests.get(request["request"])
        except (ValueError, TypeError, KeyError, RecursionError):
            return _errors(SelboxError.of("box-request", "this is no request to a box"))
        if handle is None:
            name = str(request["request"])[:64]
            return _errors(SelboxError.of("box-request", f"the box does not know the request `{name}`"))
        try:
            return {"value": handle(client, request)}
        except SelboxError as error:
            return _errors(error)

    def _say(self, client: _Client, value: object) -> None:
        """Send a line, as much of it as the client takes now."""
        client.unread += json.dumps(value, separators=(",", ":")).encode() + b"\n"
        if len(client.unread) > _MOST_UNREAD:
            self._drop(client)
            return
        self._send(client)

    def _go_on(self, client: _Client) -> None:
        if client.unread:
            self._send(client)
        else:
            self._answer_next(client)

    def _send(self, client: _Client) -> None:
        """Send what the client takes now; nothing more is read from it before it has taken all and is answered."""
        try:
            del client.unread[: client.socket.send(client.unread)]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(client)
            return
        self._epoll.modify(client.socket.fileno(), _WRITE if client.unread or b"\n" in client.asked else _READ)

    def _drop(self, client: _Client) -> None:
        if self._clients.pop(client.socket.fileno(), None) is not None:
            self._epoll.unregister(client.socket.fileno())
            client.socket.close()

    def _tell(self, denial: Denial) -> None:
        for client in list(self._clients.values()):
            if client.follows:
                self._say(client, {"denial": denial.values()})

    # --- Requests ---------------------------------------------------------------------------------------------------

    def _status(self, _client: _Client, _request: Request) -> object:
        box, about = self._box, self._description
        server, cache, policy = box.server, box.monitor.cache, box.server.policy
        rows = box.recorder.denials()
        return {
            "name": about.name,
            "pid": os.getpid(),
            "user": os.geteuid(),
            "command": about.command,
            "since": about.since,
            "enforcing": server.enforcing,
            "policy": {
                "mls": policy.mls,
                "handle_unknown": policy.handle_unknown.name.lower(),
                "types": len(policy.types),
                "classes": len(policy.classes),
                "booleans": len(policy.booleans),
                "seqno": server.seqno,
            },
            "booleans": self._booleans(_client, _request),
            "followers": sum(each.follows for each in self._clients.values()),
            "avc": {**cache.statistics._asdict(), "entries": len(cache)},
            "denials": {
                "times": sum(each.times for each in rows),
                "kinds": len(rows),
                "most": [each._asdict() for each in rows[:_ROWS]],
                "last": [each.values() for each in box.recorder.last],
            },
        }

    def _contexts(self, _client: _Client, request: Request) -> object:
        """Return the contexts that numbers of tasks (:func:`label_number`) stand for; null for another box's."""
        numbers = request.get("numbers")
        if not isinstance(numbers, list) or not all(isinstance(each, int) for each in numbers):
            _refuse("`numbers` must be a list of numbers")
        states = (self._box.tasks.numbered(each) for each in numbers)
        return [None if each is None else self._box.server.sid_to_context(each.sid) for each in states]

    def _booleans(self, _client: _Client, _request: Request) -> object:
        staged, defaults = self._box.server.staged_booleans, self._box.server.policy.booleans
        first = {each.name: each.default for each in defaults}
        return {
            name: {"active": value, "pending": staged[name], "default": first[name]}
            for name, value in self._box.server.booleans.items()
        }

    def _setenforce(self, client: _Client, request: Request) -> object:
        value = request.get("enforcing")
        if not isinstance(value, bool):
            _refuse("`enforcing` must be true or false")
        old = self._box.server.enforcing
        set_enforcing(self._box.server, self._box.recorder, value, client.pid)
        return {"enforcing": value, "was_enforcing": old}

    def _setbooleans(self, client: _Client, request: Request) -> object:
        values = request.get("values")
        if not isinstance(values, dict) or not all(isinstance(each, bool) for each in values.values()):
            _refuse("`values` must give each boolean true or false")
        server = self._box.server
        old = server.booleans
        server.set_booleans(values)
        record_booleans(self._box.recorder, old, values, client.pid)
        return {"booleans": values}

    def _follow(self, client: _Client, request: Request) -> object:
        """Tell a client of each denial from now on; return the last ones until now."""
        last = request.get("last", 0)
        if not isinstance(last, int):
            _refuse("`last` must be a number")
        client.follows = True
        denials = self._box.recorder.last
        return [each.values() for each in islice(denials, max(0, len(denials) - max(0, last)), None)]


def _may_ask(pid: int, user: int) -> bool:
    """Tell whether a peer may ask: the supervisor's own user and root, but nobody who is in a box.

    A box's own programs are told by the mark that the kernel keeps with them. Their connections are made by their
    supervisors, which refuse to; this is for those that no supervisor made.
    """
    if user not in (0, os.geteuid()) or pid == os.getpid():
        return False
    try:
        return pid == 0 or label_number(pid) is None
    except OSError:
        return False


def _refuse(what: str) -> NoReturn:
    raise SelboxError.of("box-request", what)


def _errors(error: SelboxError) -> object:
    return {"errors": [{"code": each.code, "message": each.message, "help": each.help} for each in error.diagnostics]}
