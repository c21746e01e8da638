"""The running boxes of a person, and asking them.

A box is found by what its supervisor has open (:mod:`selbox.enforce.control`), which the kernel shows to its own user
and to root. Whoever answers must be that very process, and not itself in a box.
"""

import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress

from selbox.cli.boxforms import DENIAL, fits
from selbox.diagnostics import Diagnostic, SelboxError, did_you_mean
from selbox.enforce.control import check_name, shown_name
from selbox.enforce.tasks import label_number, shown_label_number
from selbox.typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser

_SECONDS: Final = 5.0
_PAUSE: Final = 0.02
_LONGEST: Final = 1 << 23
_AT_ONCE: Final = 1 << 16
_ERROR: Final = {"code": str, "message": str, "help": str}
_CREDENTIALS = struct.Struct("=iII")


class RunningBox(NamedTuple):
    """One that can be asked.

    Attributes:
        pid: of its supervisor.
        name: that it was given, or the number of its supervisor.
        descriptor: number of the supervisor's descriptor that leads to it.
    """

    pid: int
    name: str
    descriptor: str


def running_boxes() -> list[RunningBox]:
    """Return the boxes that this user may ask, in the order of their supervisors' numbers; root sees those of all."""
    boxes = []
    for pid in sorted(int(each) for each in os.listdir("/proc") if each.isdigit()):
        with suppress(OSError):
            if label_number(pid) is None:
                boxes += _boxes_of(pid)
    return boxes


def _boxes_of(pid: int) -> list[RunningBox]:
    """Return the box that a process is the supervisor of, if it is one."""
    for number in os.listdir(f"/proc/{pid}/fd"):
        with suppress(OSError):
            name = shown_name(os.readlink(f"/proc/{pid}/fd/{number}"))
            if name is not None:
                return [RunningBox(pid, name or str(pid), number)]
    return []


def is_inside() -> bool:
    """Tell whether this program itself is in a box, whose programs may not ask it."""
    return shown_label_number(os.getpid()) is not None


def find_box(word: str | None) -> RunningBox:
    """Return the box of a name or number; where none is named, the only one, of this user if there are others' as well.

    Raises:
        SelboxError: code ``inside-a-box``, ``no-box`` or ``which-box``.
    """
    if is_inside():
        raise SelboxError.of(
            "inside-a-box",
            "this program is in a box, and boxes are asked from outside",
            help="inside, `sestatus`, `getenforce`, `setenforce`, `getsebool` and `ps -eZ` answer",
        )
    boxes = running_boxes()
    if word is None:
        matching = [each for each in boxes if _is_own(each)] or boxes
    else:
        matching = [each for each in boxes if word in (each.name, str(each.pid))]
    if len(matching) == 1:
        return matching[0]
    names = ", ".join(f"`{each.name}`" + (f" ({each.pid})" if each.name != str(each.pid) else "") for each in boxes)
    if matching:
        raise SelboxError.of("which-box", f"there are several boxes: {names}", help="name one by its number")
    if word is None:
        raise SelboxError.of("no-box", "no box of yours is running", help="`selbox shell` starts one")
    guess = did_you_mean(word, [each.name for each in boxes])
    running = f"these are running: {names}" if boxes else "none of yours is running"
    raise SelboxError.of("no-box", f"there is no box `{word}`", help=guess or running)


def _is_own(box: RunningBox) -> bool:
    try:
        return os.stat(f"/proc/{box.pid}").st_uid == os.geteuid()
    except OSError:
        return False


def _is_stopped(pid: int) -> bool:
    """Tell whether a process is stopped, as by ^Z."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] in ("T", "t")
    except OSError:
        return False


def check_new_name(name: str) -> None:
    """Check the name for a new box.

    Raises:
        SelboxError: code ``box-name``, when it is none, or another box of this user has it.
    """
    check_name(name)
    if any(each.name == name for each in running_boxes()):
        raise SelboxError.of(
            "box-name", f"a box `{name}` is running already", help="give another name, or see `selbox ps`"
        )


def ask_box(word: str | None, request: str, form: object, **values: object) -> Any:
    """Return what a box answers to one request.

    Raises:
        SelboxError: as :func:`find_box` and :meth:`BoxClient.ask`.
    """
    with BoxClient(find_box(word)) as client:
        return client.ask(request, form, **values)


class BoxClient:
    """A connection to a box.

    Args:
        box: which.

    Raises:
        SelboxError: code ``box-silent``, when it does not answer.
    """

    def __init__(self, box: RunningBox) -> None:
        self._box = box
        if _is_stopped(box.pid):
            raise self._silent("its supervisor is stopped")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_SECONDS)
        self._data = bytearray()
        try:
            self._connect()
            peer, _, _ = _CREDENTIALS.unpack(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        except OSError as error:
            self._socket.close()
            raise self._silent(error.strerror or str(error)) from None
        if peer != box.pid:
            self._socket.close()
            raise self._silent("another process has taken its place")

    def _connect(self) -> None:
        until = time.monotonic() + _SECONDS
        while True:
            try:
                self._socket.connect(f"/proc/{self._box.pid}/fd/{self._box.descriptor}")
            except BlockingIOError:  # as many wait as the box lets
                if time.monotonic() > until:
                    raise
                time.sleep(_PAUSE)
            else:
                return

    def __enter__(self) -> "BoxClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def ask(self, request: str, form: object, **values: object) -> Any:
        """Return what a box answers.

        Args:
            request: what is asked.
            form: of the answer (:func:`~selbox.cli.boxforms.fits`).
            values: what belongs to the request.

        Raises:
            SelboxError: what it says; code ``box-silent``, when it does not answer in that form.
        """
        import json

        try:
            self._socket.sendall(json.dumps({"request": request, **values}).encode() + b"\n")
            reply = json.loads(self._line(time.monotonic() + _SECONDS))
        except (OSError, ValueError, RecursionError) as error:
            raise self._silent(getattr(error, "strerror", None) or str(error)) from None
        if fits(reply, {"errors": [_ERROR]}):
            raise SelboxError(
                *(Diagnostic(each["code"], each["message"], help=each["help"]) for each in reply["errors"])
            )
        if not fits(reply, {"value": form}):
            raise self._silent("it says what no box says")
        return reply["value"]

    def denials(self) -> Iterator[dict[str, Any]]:
        """Return each denial from ``follow`` on, as soon as it is there, until the box ends."""
        import json

        self._socket.settimeout(None)
        with suppress(OSError, ValueError, RecursionError):
            while True:
                told = json.loads(self._line())
                if not fits(told, {"denial": DENIAL}):
                    raise self._silent("it says what no box says")
                yield told["denial"]

    def _line(self, until: float | None = None) -> bytes:
        while b"\n" not in self._data:
            if until is not None:
                self._socket.settimeout(max(0.001, until - time.monotonic()))
            data = self._socket.recv(_AT_ONCE)
            if not data or len(self._data) > _LONGEST:
                raise OSError(0, "it has ended")
            self._data += data
        line, _, rest = self._data.partition(b"\n")
        self._data = rest
        return bytes(line)

    def _silent(self, why: str) -> SelboxError:
        return SelboxError.of(
            "box-silent",
            f"the box `{self._box.name}` does not answer: {why}",
            help="it may have ended; a box that is stopped (^Z) answers when it goes on",
        )


def add_box_option(parser: "ArgumentParser") -> None:
    """Declare the option that names a box, for commands whose operands are others."""
    parser.add_argument("--box", metavar="BOX", help="name or number of a running box that is meant")


def add_box_argument(parser: "ArgumentParser") -> None:
    """Declare the operand that names a box."""
    parser.add_argument(
        "box", nargs="?", metavar="BOX", help="name or number of a box; may be left out for the only one"
    )
