"""Who opened what, when that is more than is kept."""

import os

import pytest

from selbox.enforce import openers
from selbox.enforce.openers import Openers


def status(inode: int) -> os.stat_result:
    return os.stat_result((0, inode, 7, 1, 0, 0, 0, 0, 0, 0))


def test_of_very_many_inodes_the_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openers, "_KEPT", 8)
    known = Openers()
    for inode in range(100):
        known.note(status(inode), 5)
        known.note(status(inode), 6)
    assert known.of(status(99), 1) == {5, 6}
    assert known.of(status(0), 1) == {1}
    assert sum(known.of(status(each), 1) != {1} for each in range(100)) <= 8


def test_an_inode_that_is_gone_is_nothing_to_who_comes_after_it() -> None:
    known = Openers()
    known.note(status(1), 5)
    known.note_handed_in(status(1))
    known.keep_private(status(1))
    known.forget(status(1))
    assert known.of(status(1), 3) == {3}
    assert not known.is_handed_in(status(1))
    assert not known.is_private(status(1))
