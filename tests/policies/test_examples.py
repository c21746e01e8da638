"""The policies of the examples decide as their stories tell."""

from collections.abc import Callable, Sequence

import pytest
from tests.policies.deciders import ROOT, Decider
from tests.policies.test_base import process, thing

COLORING_BOOK = (ROOT / "examples/coloring-book/coloring-book.cil").read_text()
CREDENTIALS = (ROOT / "examples/credentials/credentials.cil").read_text()
EATING = ("open", "read", "getattr")


@pytest.mark.parametrize(
    ("pet", "food", "eats"),
    [
        (process("dog_t"), thing("dog_chow_t"), True),
        (process("cat_t"), thing("cat_chow_t"), True),
        (process("dog_t"), thing("cat_chow_t"), False),
        (process("cat_t"), thing("dog_chow_t"), False),
        (process("dog_t", "s0:c1"), thing("dog_chow_t", "s0:c1"), True),
        (process("dog_t", "s0:c2"), thing("dog_chow_t", "s0:c2"), True),
        (process("dog_t", "s0:c1"), thing("dog_chow_t", "s0:c2"), False),
        (process("dog_t", "s0:c2"), thing("dog_chow_t", "s0:c1"), False),
        (process("dog_t", "s2"), thing("dog_chow_t", "s2"), True),
        (process("dog_t", "s2"), thing("dog_chow_t", "s1"), True),
        (process("dog_t", "s1"), thing("dog_chow_t", "s1"), True),
        (process("dog_t", "s1"), thing("dog_chow_t", "s2"), False),
        (process("dog_t", "s2"), thing("cat_chow_t", "s0"), False),
    ],
)
def test_who_eats_what(decider_for: Callable[[str], Decider], pet: str, food: str, eats: bool) -> None:
    granted = decider_for(COLORING_BOOK).granted(pet, food, "file", EATING)
    if eats:
        assert granted == set(EATING)
    else:
        assert "open" not in granted
        assert "read" not in granted


@pytest.mark.parametrize(
    ("object_class", "permissions"),
    [
        ("shm", ("associate", "getattr", "read", "write", "unix_read", "unix_write")),
        ("sem", ("associate", "read", "unix_read", "unix_write")),
        ("msgq", ("associate", "read", "enqueue", "unix_read", "unix_write")),
        ("msg", ("receive",)),
        ("unix_stream_socket", ("connectto",)),
    ],
)
def test_the_vault_opens_for_its_friend_only(
    decider_for: Callable[[str], Decider], object_class: str, permissions: Sequence[str]
) -> None:
    decider = decider_for(CREDENTIALS)
    vault = process("vault_t")
    assert decider.granted(process("friend_t"), vault, object_class, permissions) == set(permissions)
    assert decider.granted(process("thief_t"), vault, object_class, permissions) == set()


@pytest.mark.parametrize("guest", ["friend_t", "thief_t"])
def test_nobody_takes_the_vault_over(decider_for: Callable[[str], Decider], guest: str) -> None:
    permissions = ("ptrace", "signal", "sigkill", "transition")
    assert decider_for(CREDENTIALS).granted(process(guest), process("vault_t"), "process", permissions) == set()


def test_a_thief_is_a_domain_like_any_other(decider_for: Callable[[str], Decider]) -> None:
    decider = decider_for(CREDENTIALS)
    assert decider.granted(process("thief_t"), process("thief_t"), "shm", ("create", "read")) == {"create", "read"}
    assert decider.granted(process("thief_t"), thing("thief_file_t"), "file", ("create", "write")) == {
        "create",
        "write",
    }
    assert decider.granted(process("thief_t"), thing("vault_socket_t"), "sock_file", ("write",)) == set()
