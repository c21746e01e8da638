"""The story as values: who comes for the secret, over which channel, in which world, and what comes of it."""

from enum import Enum
from typing import NamedTuple


class Verdict(Enum):
    """What came of a try; values are how it is spoken of."""

    TAKEN = "taken"
    RECORDED = "taken, and recorded"
    DENIED = "denied"
    LOST = "neither taken nor denied"
    """What selbox did not deny failed all the same; no scene expects it."""


class Guest(NamedTuple):
    """A process that comes for the secret.

    Attributes:
        name: how the scenes call it.
        context: the security context that it runs in where selbox rules.
    """

    name: str
    context: str


class Check(NamedTuple):
    """What a kernel with SELinux asks about a try.

    Attributes:
        target: whose label it is asked of: ``vault`` for what has the vault's own label, ``message`` for what the vault
            sends, ``socket`` for the socket's file.
        object_class: class of the object.
        permissions: names of permissions.
    """

    target: str
    object_class: str
    permissions: tuple[str, ...]


class Channel(NamedTuple):
    """A way in which the vault offers its secret.

    Attributes:
        name: how the scenes, and the programs, call it.
        target: whose label it has, as in :class:`Check`.
        checks: what is asked, in order.
    """

    name: str
    target: str
    checks: tuple[Check, ...]

    @property
    def classes(self) -> frozenset[str]:
        """Classes that tell this channel's audit records from others'."""
        return frozenset(each.object_class for each in self.checks)


class World(NamedTuple):
    """Circumstances.

    Attributes:
        title: in a few words.
        moral: what it teaches.
        enforcing: whether selbox denies, or only records; None without selbox.
        visits: who comes, in this order, and what is expected to come of it.
    """

    title: str
    moral: str
    enforcing: bool | None
    visits: tuple[tuple[Guest, Verdict], ...]


VAULT_CONTEXT = "system_u:system_r:vault_t:s0"
DIRECTORY_CONTEXT = "system_u:object_r:tmp_t:s0"
"""Label of the directory that the vault puts its socket into."""

THIEF = Guest("thief", "system_u:system_r:thief_t:s0")
FRIEND = Guest("friend", "system_u:system_r:friend_t:s0")

CHANNELS = (
    Channel("shared memory", "vault", (Check("vault", "shm", ("associate", "unix_read", "read")),)),
    Channel(
        "message queue",
        "vault",
        (Check("vault", "msgq", ("associate", "unix_read", "read")), Check("message", "msg", ("receive",))),
    ),
    Channel(
        "unix socket",
        "socket",
        (Check("socket", "sock_file", ("write",)), Check("vault", "unix_stream_socket", ("connectto",))),
    ),
)

WORLDS = (
    World(
        "Without selbox",
        "Mode 0666 is all that guards the secret, and it lets everyone in.",
        None,
        ((THIEF, Verdict.TAKEN),),
    ),
    World(
        "selbox, permissive",
        "Nothing is denied, but what policy would deny is recorded: see it before you enforce it.",
        False,
        ((THIEF, Verdict.RECORDED),),
    ),
    World(
        "selbox, enforcing",
        "No rule lets thief_t in, so it stays out; the rules for friend_t let the same program in.",
        True,
        ((THIEF, Verdict.DENIED), (FRIEND, Verdict.TAKEN)),
    ),
)


class Scene(NamedTuple):
    """One try."""

    world: World
    guest: Guest
    channel: Channel
    expected: Verdict


SCENES = tuple(
    Scene(world, guest, channel, expected)
    for world in WORLDS
    for guest, expected in world.visits
    for channel in CHANNELS
)
"""Every scene, in order."""


class Outcome(NamedTuple):
    """What came of a scene.

    Attributes:
        scene: the scene.
        verdict: what came of it.
        guest_label: the context that the guest had, as it saw it itself; empty where there was none.
        object_label: likewise for what it tried to use.
        because: the parts of policy that denied, or would have, one line each.
        records: the audit records, as they were written.
        error: what the system told the guest; empty when it took the secret.
    """

    scene: Scene
    verdict: Verdict
    guest_label: str
    object_label: str
    because: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    error: str = ""

    @property
    def is_expected(self) -> bool:
        """Whether the story goes like this."""
        return self.verdict is self.scene.expected


def verdict_on(took: bool, denials: int) -> Verdict:
    """Name what came of a try.

    Args:
        took: whether the guest has the secret.
        denials: how many denials were found, enforced or not.
    """
    if took:
        return Verdict.RECORDED if denials else Verdict.TAKEN
    return Verdict.DENIED if denials else Verdict.LOST
