"""The policies of the examples decide as their stories tell."""

from collections.abc import Callable, Sequence

import pytest
from tests.policies.deciders import ROOT, Decider
from tests.policies.test_base import process, thing

COLORING_BOOK = (ROOT / "examples/coloring-book/coloring-book.cil").read_text()
BROKER = (ROOT / "examples/broker/broker.cil").read_text()
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


@pytest.mark.parametrize(
    ("client", "queue", "may"),
    [
        (process("shop_t", "s0:c1"), thing("orders_t", "s0:c1"), {"create", "publish"}),
        (process("billing_t", "s0:c1"), thing("orders_t", "s0:c1"), {"consume"}),
        (process("billing_t", "s0:c1,c2"), thing("orders_t", "s0:c1"), {"consume"}),
        (process("billing_t", "s0:c2"), thing("orders_t", "s0:c1"), set()),
        (process("shop_t", "s0"), thing("orders_t", "s0:c1"), {"create", "publish"}),
        (process("shop_t", "s0:c1"), thing("orders_t", "s0"), set()),
        (process("billing_t", "s0:c1"), thing("invoices_t", "s0:c1"), {"create", "publish"}),
        (process("shop_t", "s0:c1"), thing("invoices_t", "s0:c1"), {"consume"}),
        (process("stranger_t", "s0:c1"), thing("orders_t", "s0:c1"), set()),
        (process("broker_t"), thing("orders_t"), set()),
    ],
)
def test_who_may_do_what_with_queues(
    decider_for: Callable[[str], Decider], client: str, queue: str, may: set[str]
) -> None:
    """The class is the policy's own, beside the kernel's of the base policy."""
    assert decider_for(BROKER).granted(client, queue, "broker_queue", ("create", "publish", "consume")) == may


@pytest.mark.parametrize("client", ["shop_t", "billing_t", "stranger_t"])
@pytest.mark.parametrize("level", ["s0", "s0:c7"])
def test_everyone_may_connect_to_the_broker(decider_for: Callable[[str], Decider], client: str, level: str) -> None:
    decider = decider_for(BROKER)
    assert decider.granted(process(client, level), process("broker_t"), "unix_stream_socket", ("connectto",))
    assert decider.granted(process(client, level), thing("broker_socket_t"), "sock_file", ("write",))
