"""The page of memory that tells programs of changes."""

import mmap
import os
import struct

import pytest

from selbox.enforce.calls.statuspage import StatusPage
from selbox.server.securityserver import SecurityServer
from selbox.store.policyfiles import load_policy

VERSION, SEQUENCE, ENFORCING, POLICY_LOAD, DENY_UNKNOWN = range(5)


@pytest.fixture
def server() -> SecurityServer:
    return SecurityServer(load_policy([]))


def mapped(page: StatusPage) -> mmap.mmap:
    reader = os.open(f"/proc/self/fd/{page.descriptor()}", os.O_RDONLY)
    try:
        return mmap.mmap(reader, mmap.PAGESIZE, mmap.MAP_SHARED, mmap.PROT_READ)
    finally:
        os.close(reader)


def fields(memory: mmap.mmap) -> tuple[int, ...]:
    return struct.unpack("=5I", memory[:20])


def test_a_new_page_shows_the_mode_and_no_load_yet(server: SecurityServer) -> None:
    assert fields(mapped(StatusPage(server))) == (1, 0, 1, 0, 1)


def test_each_change_makes_the_sequence_grow_to_the_next_even_number(server: SecurityServer) -> None:
    memory = mapped(StatusPage(server))
    server.enforcing = False
    assert fields(memory) == (1, 2, 0, 0, 1)
    server.set_booleans({})
    assert fields(memory)[SEQUENCE] == 4
    assert fields(memory)[POLICY_LOAD] == server.seqno > 0


def test_what_changes_nothing_is_not_shown(server: SecurityServer) -> None:
    memory = mapped(StatusPage(server))
    server.enforcing = True
    assert fields(memory)[SEQUENCE] == 0


def test_nobody_else_can_write_the_page(server: SecurityServer) -> None:
    page = StatusPage(server)
    intruder = (
        os.open(f"/proc/self/fd/{page.descriptor()}", os.O_RDWR) if os.geteuid() == 0 else os.dup(page.descriptor())
    )
    try:
        with pytest.raises(PermissionError):
            os.pwrite(intruder, b"\xff" * 4, 0)
        with pytest.raises(PermissionError):
            mmap.mmap(intruder, mmap.PAGESIZE, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
    finally:
        os.close(intruder)
