"""The way into a running box for its owner and for root: a socket that only they can name.

Its file is removed as soon as it is bound. What is left is a descriptor of that file in the supervisor, which others
reach as ``/proc/PID/fd/N``, and the kernel lets only the supervisor's own user and root follow such a link. So there
is no directory to guard, nothing that a program could move or replace, and nothing that a dead supervisor leaves.

Nothing of what answers is imported before somebody asks.
"""

import _socket as socket  # what is beneath `socket`, whose enumerations are a thirtieth of a start
import os
import re
import stat
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from time import time

from selbox.diagnostics import SelboxError
from selbox.enforce.linux import O_PATH
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from selbox.enforce.box import Box
    from selbox.enforce.controlserver import ControlServer

_NAME: Final = r"[A-Za-z0-9_.-]{1,64}"
_UNNAMED: Final = "_"
_ENDING: Final = ".selbox"
_WAITING: Final = 16


class Description(NamedTuple):
    """What a box tells of its start.

    Attributes:
        name: that it was given; empty when none.
        command: the first program and its arguments.
        since: seconds since 1970.
    """

    name: str
    command: tuple[str, ...]
    since: float


class Control:
    """The socket of one box.

    Args:
        listening: bound and listening.
        file: ``O_PATH`` descriptor of its file, which has no name any more.
        description: what the box tells of its start.
    """

    def __init__(self, listening: socket.socket, file: int, description: Description) -> None:
        self._listening = listening
        self._file = file
        self._description = description
        self._server: ControlServer | None = None

    @classmethod
    def open(cls, name: str, command: tuple[str, ...], environment: Mapping[str, str]) -> "Control | None":
        """Make the socket; None where there is no directory to make one in, and the box does without.

        Args:
            name: of the box, checked by :func:`check_name`; empty for none.
            command: its first program.
            environment: the supervisor's, which may name directories.
        """
        for base in (environment.get("XDG_RUNTIME_DIR"), "/run", "/dev/shm", environment.get("TMPDIR"), "/tmp"):  # noqa: S108 - made exclusively, under a random name
            if base:
                with suppress(OSError):
                    made = _nameless_socket(base, name or _UNNAMED)
                    if made is not None:
                        return cls(*made, Description(name, command, time()))
        return None

    def attach(self, box: "Box", watch: Callable[[int, Callable[[], None]], None]) -> None:
        """Have a box's loop answer who asks.

        Args:
            box: the box.
            watch: has a function called whenever a descriptor can be read.
        """

        def take() -> None:
            if self._server is None:
                from selbox.enforce.controlserver import ControlServer

                self._server = ControlServer(box, self._listening.detach(), self._description)
                watch(self._server.descriptor, self._server.take)
            self._server.accept()

        watch(self._listening.fileno(), take)

    def close(self) -> None:
        """Let nobody ask any more."""
        if self._server is not None:
            self._server.close()
        self._listening.close()
        os.close(self._file)


def check_name(name: str) -> None:
    """Check the name that a box is to have.

    Raises:
        SelboxError: code ``box-name``.
    """
    if not re.fullmatch(_NAME, name) or name.isdigit() or name == _UNNAMED:
        raise SelboxError.of(
            "box-name",
            f"`{name}` cannot be the name of a box",
            help="use letters, digits, `_`, `-` and `.`, at most 64, and not digits alone",
        )


def shown_name(link: str) -> str | None:
    """Return the name of the box whose socket a link of ``/proc/PID/fd`` leads to.

    Returns:
        The empty string for a box without a name; None for any other link.
    """
    match = re.search(rf"/selbox-[0-9a-f]{{16}}/(?P<name>{_NAME})\.selbox \(deleted\)\Z", link)
    if match is None:
        return None
    return "" if match["name"] == _UNNAMED else match["name"]


def _nameless_socket(base: str, name: str) -> tuple[socket.socket, int] | None:
    """Return a listening socket and a descriptor of its file, which is gone; None when somebody else got hold of it."""
    directory = f"{base}/selbox-{os.urandom(8).hex()}"
    path = f"{directory}/{name}{_ENDING}"
    os.mkdir(directory, 0o700)
    with ExitStack() as stack:
        stack.callback(os.rmdir, directory)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        with ExitStack() as unless_done:
            unless_done.callback(listening.close)
            _bind(listening, directory, f"{name}{_ENDING}")
            stack.callback(os.unlink, path)
            os.chmod(path, 0o600)
            file = os.open(path, O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
            unless_done.callback(os.close, file)
            stack.close()
            status = os.fstat(file)
            # INVARIANT: no name leads to the file. Whoever linked or moved it in this moment made it useless.
            if not stat.S_ISSOCK(status.st_mode) or status.st_nlink:
                return None
            listening.listen(_WAITING)
            unless_done.pop_all()
    return listening, file


def _bind(listening: socket.socket, directory: str, name: str) -> None:
    """Bind a socket in a directory whose path may be longer than the 107 bytes of an address."""
    place = os.open(directory, O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        listening.bind(f"/proc/self/fd/{place}/{name}")
    finally:
        os.close(place)
