"""The story as values: who wishes what of the broker, in which act, and what comes of it."""

from enum import Enum
from typing import NamedTuple


class Verdict(Enum):
    """What came of a wish; values are how it is spoken of."""

    DONE = "done"
    DENIED = "denied"
    UNKNOWN = "refused: nobody vouches for the client"
    FAILED = "failed"
    """Something else went wrong; no wish expects it."""


BROKER = "system_u:system_r:broker_t:s0"
SHOP = "system_u:system_r:shop_t:s0:c1"
BILLING = "system_u:system_r:billing_t:s0:c1"
OTHER_BILLING = "system_u:system_r:billing_t:s0:c2"
STRANGER = "system_u:system_r:stranger_t:s0:c1"

DENIED_TEXT = "Permission denied"
UNKNOWN_TEXT = "the broker does not know who you are"


class Scene(NamedTuple):
    """One wish.

    Attributes:
        who: how the sheet calls the client.
        context: the client's security context where selbox rules.
        wish: what it sends.
        expected: what is to come of it.
        remark: what it shows, in a line.
        message: what it is to receive.
    """

    who: str
    context: str
    wish: dict[str, str]
    expected: Verdict
    remark: str
    message: str = ""


class Act(NamedTuple):
    """Scenes in one broker, one after another.

    Attributes:
        title: in a few words.
        moral: what it teaches.
        in_box: whether selbox rules.
        scenes: in order. Before the last one of an act in a box the policy changes: see ``ADDITION``.
    """

    title: str
    moral: str
    in_box: bool
    scenes: tuple[Scene, ...]


ADDITION = "(allow stranger_t orders_t (broker_queue (publish)))"
"""What is added to the policy while the broker runs, before the last scene."""


def _wish(verb: str, queue: str, **more: str) -> dict[str, str]:
    return {"do": verb, "queue": queue, **more}


_ORDER = _wish("publish", "orders", message="one dog bowl")
_LIE = _wish("publish", "orders", message="ten thousand bowls", context=SHOP)

ACTS = (
    Act(
        "Without selbox",
        "No kernel vouches for the clients, so the broker serves nobody. It fails closed.",
        False,
        (Scene("the shop", SHOP, _wish("create", "orders"), Verdict.UNKNOWN, "it may well be the shop; who knows?"),),
    ),
    Act(
        "In a box",
        "Every client is a process with a context of its own, every queue has a label, and the broker asks the policy.",
        True,
        (
            Scene("the shop", SHOP, _wish("create", "orders"), Verdict.DONE, "its queue is labelled by a transition"),
            Scene("the shop", SHOP, _ORDER, Verdict.DONE, "it may publish there"),
            Scene("a stranger", STRANGER, _wish("consume", "orders"), Verdict.DENIED, "everyone may connect, no more"),
            Scene("a stranger", STRANGER, _LIE, Verdict.DENIED, "what it says it is, nobody looks at"),
            Scene(
                "another tenant's billing",
                OTHER_BILLING,
                _wish("consume", "orders"),
                Verdict.DENIED,
                "its type may, its category may not",
            ),
            Scene(
                "billing",
                BILLING,
                _wish("consume", "orders"),
                Verdict.DONE,
                "the same program, of the queue's tenant",
                "one dog bowl",
            ),
            Scene(
                "billing",
                BILLING,
                _wish("create", "orders too"),
                Verdict.DENIED,
                "only what it calls invoices is its to make",
            ),
            Scene("billing", BILLING, _wish("create", "invoices"), Verdict.DONE, "a transition by the queue's name"),
            Scene("a stranger", STRANGER, _LIE, Verdict.DONE, "the policy was changed, and the broker told"),
        ),
    ),
)
"""Every act, in order."""


class Outcome(NamedTuple):
    """What came of a scene.

    Attributes:
        scene: the scene.
        verdict: what came of it.
        you: the client's context, as the broker saw it; empty where nobody vouched for it.
        label: the queue's; empty where the client did not learn it.
        because: the parts of policy that denied, one line each.
        record: the audit record's message; empty without one.
        error: what the client was told; empty when its wish was fulfilled.
    """

    scene: Scene
    verdict: Verdict
    you: str = ""
    label: str = ""
    because: tuple[str, ...] = ()
    record: str = ""
    error: str = ""

    @property
    def is_expected(self) -> bool:
        """Whether the story goes like this."""
        return self.verdict is self.scene.expected


def verdict_on(answer: dict[str, str], scene: Scene) -> Verdict:
    """Name what came of a wish by the broker's answer."""
    error = answer.get("error", "")
    if error:
        return {DENIED_TEXT: Verdict.DENIED, UNKNOWN_TEXT: Verdict.UNKNOWN}.get(error, Verdict.FAILED)
    return Verdict.DONE if answer.get("message", "") == scene.message else Verdict.FAILED
