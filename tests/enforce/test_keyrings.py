"""Keys and keyrings as values: what nests, what is found, what remains."""

import errno
import itertools

import pytest

from selbox.enforce.keyrings import ALL, KEYRING, POSSESSOR, SEARCH, USER, VIEW, Found, Key, Keys


def ring(keys: Keys, name: bytes) -> Key:
    made = keys.make(KEYRING, name, (0, 0), ALL << POSSESSOR | VIEW << USER, 1)
    made.is_root = True
    return made


def key(keys: Keys, name: bytes) -> Key:
    return keys.make("user", name, (0, 0), ALL << POSSESSOR, 1)


def failing(number: int) -> "pytest.RaisesExc[OSError]":
    return pytest.raises(OSError, match=rf"Errno {number}\b")


def granted(_found: Found, _need: int) -> None:
    return


def test_a_key_lives_as_long_as_a_keyring_holds_it() -> None:
    keys = Keys()
    outer, inner, held = ring(keys, b"outer"), ring(keys, b"inner"), key(keys, b"k")
    keys.link(outer, inner)
    keys.link(inner, held)
    keys.release(inner)
    assert keys.find(held.serial) is held
    keys.unlink(outer, inner)
    for gone in (inner, held):
        with failing(errno.ENOKEY):
            keys.find(gone.serial)


def test_a_key_takes_the_place_of_its_namesake() -> None:
    keys = Keys()
    outer, first, second = ring(keys, b"outer"), key(keys, b"k"), key(keys, b"k")
    keys.link(outer, first)
    keys.link(outer, second)
    assert list(outer.links.values()) == [second]
    with failing(errno.ENOKEY):
        keys.find(first.serial)


def test_no_keyring_lies_in_itself_or_too_deep() -> None:
    keys = Keys()
    rings = [ring(keys, b"%d" % number) for number in range(8)]
    for inner, outer in itertools.pairwise(rings[:7]):
        keys.link(outer, inner)
    with failing(errno.ELOOP):
        keys.link(rings[7], rings[6])
    with failing(errno.EDEADLK):
        keys.link(rings[0], rings[3])


def test_a_search_goes_around_keyrings_that_may_not_be_searched() -> None:
    keys = Keys()
    outer, closed, opened, held = ring(keys, b"outer"), ring(keys, b"closed"), ring(keys, b"open"), key(keys, b"k")
    for inner in (closed, opened):
        keys.link(outer, inner)
    keys.link(closed, held)

    def check(found: Found, need: int) -> None:
        assert need == SEARCH
        if found.key is closed:
            raise PermissionError(errno.EACCES, "")

    assert keys.search(Found(outer, True), "user", b"k", check) is None
    keys.link(opened, held)
    assert keys.search(Found(outer, True), "user", b"k", check) == Found(held, True)
    assert keys.search(Found(outer, True), "user", b"other", granted) is None


def test_the_quota_of_a_user() -> None:
    keys = Keys()
    for number in range(200):
        keys.make("user", b"%d" % number, (7, 7), 0, 1)
    with failing(errno.EDQUOT):
        keys.make("user", b"more", (7, 7), 0, 1)
    other = keys.make("user", b"other", (8, 8), 0, 1)
    with failing(errno.EDQUOT):
        keys.set_payload(other, bytes(20_000))
    keys.set_payload(other, bytes(19_000))
    keys.set_payload(other, b"less")


@pytest.mark.parametrize(
    ("user", "groups", "is_possessed", "mask"),
    [(5, (9,), False, 4), (6, (9,), False, 2), (6, (8,), False, 1), (6, (8,), True, 9), (5, (9,), True, 12)],
)
def test_masks(user: int, groups: tuple[int, ...], is_possessed: bool, mask: int) -> None:
    made = Keys().make("user", b"k", (5, 9), 0x08040201, 1)
    assert made.mask_for(user, groups, is_possessed=is_possessed) == mask
