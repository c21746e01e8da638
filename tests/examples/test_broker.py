import os
import signal
import sys
from io import StringIO
from pathlib import Path

import pytest
import theatre
from acts import ACTS, DENIED_TEXT, SHOP, STRANGER, UNKNOWN_TEXT, Outcome, Scene, Verdict, verdict_on
from programme import draw_programme
from queues import MOST_MESSAGES, MOST_QUEUES, QueueError, Queues
from rich.console import Console
from tests.examples.test_credentials import NOBODY, as_user, enforced, run
from tests.patience import PATIENCE

from selbox import ObjectManager, PermissionDenied

EXAMPLE = Path(theatre.__file__).parent
BROKER = "system_u:system_r:broker_t:s0"


# --- Decided ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def decided() -> list[Outcome]:
    return theatre.decide()


def test_the_story_has_every_kind_of_verdict() -> None:
    scenes = [each for act in ACTS for each in act.scenes]
    assert {each.expected for each in scenes} == {Verdict.DONE, Verdict.DENIED, Verdict.UNKNOWN}
    assert [len(act.scenes) for act in ACTS] == [1, 9]


def test_the_policy_decides_as_the_story_goes(decided: list[Outcome]) -> None:
    assert [(each.scene.remark, each.verdict) for each in decided] == [
        (each.scene.remark, each.scene.expected) for each in decided
    ]
    for each in decided:
        assert bool(each.because) is (each.verdict is Verdict.DENIED)
        assert bool(each.record) is (each.verdict is Verdict.DENIED)


def test_types_forbid_by_a_missing_rule_and_levels_by_a_constraint(decided: list[Outcome]) -> None:
    because = [each.because[0].partition(" at ")[0] for each in decided if each.because]
    assert because == [
        "no rule (allow stranger_t orders_t (broker_queue (consume)))",
        "no rule (allow stranger_t orders_t (broker_queue (publish)))",
        "(mlsconstrain (broker_queue (consume)) (dom l1 l2))",
        "no rule (allow billing_t broker_t (broker_queue (create)))",
    ]


def test_queues_are_labelled_by_transitions_at_the_level_of_their_maker(decided: list[Outcome]) -> None:
    labels = {each.scene.wish["queue"]: each.label for each in decided if each.label}
    assert labels == {
        "orders": "system_u:object_r:orders_t:s0:c1",
        "invoices": "system_u:object_r:invoices_t:s0:c1",
    }


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ({"message": "one dog bowl"}, Verdict.DONE),
        ({"message": "another"}, Verdict.FAILED),
        ({"error": DENIED_TEXT}, Verdict.DENIED),
        ({"error": UNKNOWN_TEXT}, Verdict.UNKNOWN),
        ({"error": "the queue is empty"}, Verdict.FAILED),
    ],
)
def test_verdicts(answer: dict[str, str], verdict: Verdict) -> None:
    assert verdict_on(answer, Scene("", "", {}, Verdict.DONE, "", "one dog bowl")) is verdict


# --- The object manager -----------------------------------------------------------------------------------------------


@pytest.fixture
def queues() -> Queues:
    return Queues(ObjectManager(EXAMPLE / "broker.cil"), BROKER)


def test_nothing_is_said_about_a_queue_to_who_may_not_make_it(queues: Queues) -> None:
    queues.create(SHOP, "orders")
    with pytest.raises(QueueError, match="there is a queue of that name"):
        queues.create(SHOP, "orders")
    with pytest.raises(PermissionDenied):
        queues.create(STRANGER, "orders")


def test_messages_come_out_in_order_and_only_once(queues: Queues) -> None:
    queues.create(SHOP, "orders")
    for message in ("one", "two"):
        queues.publish(SHOP, "orders", message)
    billing = SHOP.replace("shop_t", "billing_t")
    assert [queues.consume(billing, "orders")[1] for _ in range(2)] == ["one", "two"]
    with pytest.raises(QueueError, match="empty"):
        queues.consume(billing, "orders")
    with pytest.raises(QueueError, match="no queue of that name"):
        queues.consume(billing, "nothing")


def test_there_is_an_end_to_queues_and_messages(queues: Queues) -> None:
    for number in range(MOST_QUEUES):
        queues.create(SHOP, str(number))
    with pytest.raises(QueueError, match="too many queues"):
        queues.create(SHOP, "one more")
    for _ in range(MOST_MESSAGES):
        queues.publish(SHOP, "0", "")
    with pytest.raises(QueueError, match="full"):
        queues.publish(SHOP, "0", "")


# --- Drawn ------------------------------------------------------------------------------------------------------------


def drawn(outcomes: list[Outcome], width: int) -> str:
    console = Console(file=StringIO(), width=width)
    with console.capture() as capture:
        console.print(draw_programme(outcomes, "how it was played"))
    return capture.get()


@pytest.mark.parametrize("width", [80, 130])
def test_the_programme_tells_who_asked_for_what_and_what_came_of_it(decided: list[Outcome], width: int) -> None:
    shown = drawn(decided, width)
    assert shown.splitlines()[0].rstrip() == "how it was played"
    assert shown.count(" DENIED ") == 4
    assert shown.count(" REFUSED ") == 1
    assert shown.count(" DONE ") == 5
    assert "system_u:system_r:billing_t:s0:c2" in shown
    assert max(map(len, shown.splitlines())) <= width
    assert "10 of 10 verdicts are as expected." in shown


def test_a_verdict_against_the_story_is_shown_as_such(decided: list[Outcome]) -> None:
    shown = drawn([*decided[:-1], decided[-1]._replace(verdict=Verdict.DENIED)], 80)
    assert "The story goes otherwise: done." in shown
    assert "9 of 10 verdicts are as expected." in shown


# --- Played -----------------------------------------------------------------------------------------------------------


@pytest.mark.enforcement
@enforced
@pytest.mark.parametrize(
    "user",
    [
        pytest.param(None, id="own user"),
        pytest.param(
            NOBODY, id="nobody", marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another")
        ),
    ],
)
def test_played_with_processes_every_verdict_is_as_expected(user: int | None) -> None:
    ended = run(*as_user(user), str(EXAMPLE / "play.py"))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[0].startswith("Played with real processes")
    assert "10 of 10 verdicts are as expected." in ended.stdout
    # The broker took these from its sockets, not from what the clients say.
    asked = [line.split()[3] for line in ended.stdout.splitlines() if "who asks" in line and "nobody" not in line]
    assert asked == [each.context for each in ACTS[1].scenes]


@pytest.mark.enforcement
@enforced
def test_where_processes_cannot_be_supervised_it_is_decided_and_says_so_first() -> None:
    # A process has one supervisor: in a box the kernel refuses another.
    ended = run(sys.executable, "-m", "selbox", "run", "--", sys.executable, str(EXAMPLE / "play.py"))
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[0].startswith("Decided without processes: they cannot be supervised here: ")
    assert "10 of 10 verdicts are as expected." in ended.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_broker_ends_cleanly_when_it_is_told_to(tmp_path: Path, number: signal.Signals) -> None:
    from subprocess import DEVNULL, PIPE, Popen

    command = [sys.executable, "-B", str(EXAMPLE / "broker.py"), str(tmp_path / "socket"), str(EXAMPLE / "broker.cil")]
    source = str(Path(__file__).parents[2] / "src")
    with Popen(
        command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, text=True, env={**os.environ, "PYTHONPATH": source}
    ) as broker:
        assert broker.stdout is not None
        assert any('"listening"' in line for line in broker.stdout)
        broker.send_signal(number)
        assert broker.wait(PATIENCE) == (0 if number == signal.SIGTERM else -signal.SIGINT)
