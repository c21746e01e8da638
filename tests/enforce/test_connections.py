"""Who is told to be at the other end of a connection, when more were made than are kept: nobody else than was."""

from typing import Any

import pytest

from selbox.enforce import connections
from selbox.enforce.connections import Connections, Peer

EVIL, GOOD = Peer(1, 10, 1000, 1000, 5), Peer(2, 20, 0, 0, 6)
UNKNOWN = Peer(0, 0, 1000, 1000, 0)


class Diagnosis:
    """Knows that the socket 100 is connected to what it is told."""

    def __init__(self, peer: int) -> None:
        self.peer = peer

    def find(self, _inode: int) -> Any:
        return self


@pytest.mark.parametrize(
    "end",
    [pytest.param(1, id="the client is there"), pytest.param(0, id="the client has closed its end")],
)
def test_a_connection_that_was_forgotten_is_not_another_clients(monkeypatch: pytest.MonkeyPatch, end: int) -> None:
    monkeypatch.setattr(connections, "_KEPT", 8)
    known = Connections(Diagnosis(end))  # type: ignore[arg-type]
    known.made(1, EVIL, 7, b"server")
    assert known.client(100, b"server", 1000, 1000) == EVIL
    for inode in range(2, 20):
        known.made(inode, EVIL, 7, b"%d" % inode)
    known.made(20, GOOD, 7, b"server")
    assert known.client(100, b"server", 1000, 1000) == UNKNOWN


def test_of_a_client_that_has_closed_its_end_is_told_what_all_agree_in() -> None:
    known = Connections(Diagnosis(0))  # type: ignore[arg-type]
    known.made(1, EVIL, 7, b"server")
    known.made(2, EVIL, 7, b"server")
    assert known.client(100, b"server", 1000, 1000) == EVIL
    known.made(3, EVIL._replace(pid=3), 7, b"server")
    assert known.client(100, b"server", 1000, 1000) == UNKNOWN._replace(sid=5)
    known.made(4, GOOD, 7, b"server")
    assert known.client(100, b"server", 1000, 1000) == UNKNOWN
