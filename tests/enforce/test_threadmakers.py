"""Threads that a thread makes are told, each once, however many there are."""

import os
import threading
import time

import pytest

from selbox.enforce.threadmakers import ThreadMakers


def made() -> int:
    """Make a thread and return its number."""
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    assert thread.native_id is not None
    return thread.native_id


@pytest.fixture
def makers() -> ThreadMakers:
    makers = ThreadMakers()
    makers.watch(threading.get_native_id())
    probe = made()
    if makers.made_by(threading.get_native_id(), os.getpid()) != [probe]:
        pytest.skip("the kernel does not tell")
    return makers


def test_threads_are_told_as_they_are_made(makers: ThreadMakers) -> None:
    own = threading.get_native_id()
    for count in (1, 2, 0, 50) * 8:  # several times what the memory has room for
        numbers = [made() for _ in range(count)]
        assert makers.made_by(own, os.getpid()) == numbers


def test_of_too_many_some_are_told_and_those_that_come_later(makers: ThreadMakers) -> None:
    own = threading.get_native_id()
    for _ in range(3):
        numbers = [made() for _ in range(200)]
        told = makers.made_by(own, os.getpid())
        assert told == numbers[: len(told)]
        assert 100 < len(told) < 200
        later = [made() for _ in range(3)]
        assert makers.made_by(own, os.getpid()) == later


def test_who_is_not_watched_any_more_is_not_told_of(makers: ThreadMakers) -> None:
    own = threading.get_native_id()
    makers.forget(own)
    made()
    assert makers.made_by(own, os.getpid()) == []


def test_only_so_many_are_watched_and_who_ends_makes_room(makers: ThreadMakers) -> None:
    own, end = threading.get_native_id(), threading.Event()
    threads = [threading.Thread(target=end.wait) for _ in range(70)]
    for each in threads:
        each.start()
        makers.watch(each.native_id or 0)
    told = makers.made_by(own, os.getpid())
    assert told == [each.native_id for each in threads]
    makers.forget(own)
    makers.watch(told[-1])
    makers.watch(own)
    made()
    assert makers.made_by(own, os.getpid()) == []
    end.set()
    until = time.monotonic() + 60
    while any(os.path.exists(f"/proc/{each}") for each in told) and time.monotonic() < until:
        time.sleep(0.001)
    makers.watch(own)
    assert [made()] == makers.made_by(own, os.getpid())
