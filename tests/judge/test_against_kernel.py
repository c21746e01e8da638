"""Each scenario under selbox gives what it was recorded to give on a real kernel, but for what the ledger says."""

import fcntl
import json
import os
import shutil
from pathlib import Path

import debianpolicy
import pytest

from tests.enforce.boxes import enforcement, lacking
from tests.judge import ledger, scenariopolicy
from tests.judge.outcome import Outcome, read_recording, recording, source_digest
from tests.judge.selboxrun import perform

NAMES = scenariopolicy.names()
IN_C = frozenset(name for name in NAMES if len(scenariopolicy.files_of(name)) > 1)


@pytest.fixture(scope="session")
def performed(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> dict[str, Outcome]:
    """Perform all scenarios whose tests are run, in one box; of several processes of pytest, one does it for all."""
    if os.geteuid() != 0:
        pytest.skip("the scenarios are performed as root, as they are on the kernel")
    wanted = sorted(filter(None, map(_scenario_of, request.session.items)))
    common = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        common = common.parent
    kept = common / "judge.json"
    with open(common / "judge.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            try:
                found = perform(tmp_path_factory.mktemp("judge"), wanted)
            except debianpolicy.PolicyUnavailableError as error:
                pytest.skip(str(error))
            kept.write_text(json.dumps(found))
    return {name: Outcome(*map(tuple, each)) for name, each in json.loads(kept.read_text()).items()}


def _scenario_of(item: pytest.Item) -> str | None:
    """Return the name of the scenario that a test compares; None for other tests."""
    if isinstance(item, pytest.Function) and item.originalname == test_selbox_does_what_the_kernel_does.__name__:
        return str(item.callspec.params["name"])
    return None


@enforcement
@pytest.mark.skipif(bool(lacking()), reason=lacking() or "nothing is lacking")
@pytest.mark.parametrize("name", NAMES)
def test_selbox_does_what_the_kernel_does(name: str, performed: dict[str, Outcome]) -> None:
    if name in IN_C and not shutil.which("cc"):
        pytest.skip("its program is in C, and there is no cc")
    if not recording(name).exists():
        pytest.skip("it is not recorded yet")
    expected = ledger.read(name)
    found = ledger.found(read_recording(name)[1], performed[name], expected.reason)
    if found != expected:
        pytest.fail(_advice(name, found, expected), pytrace=False)


def _advice(name: str, found: ledger.Entry, expected: ledger.Entry) -> str:
    """Return what to do about a difference that the ledger has otherwise."""
    path = ledger.path_of(name).relative_to(Path(__file__).parents[2])
    if not found.is_difference():
        return f"{name} differs no longer: remove {path}"
    words = f"otherwise than {path} says" if expected.is_difference() else "from the kernel"
    command = f"python -m tests.judge --expect REASON {name}"
    return f"{name} differs {words}: mend it, or write what is true there ({command}):\n{found.to_text()}"


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_is_of_the_scenario_as_it_stands(name: str) -> None:
    source = read_recording(name)[0] if recording(name).exists() else ""
    assert source == source_digest(name), f"to record it: ./dev kernel --scenarios {name}"


def test_recordings_and_entries_are_of_scenarios() -> None:
    recorded = {path.stem for path in (scenariopolicy.HERE / "recorded").iterdir()}
    assert recorded == set(NAMES)
    entries = {path.stem for path in ledger.DIRECTORY.iterdir()}
    assert entries <= set(NAMES)
    assert all(ledger.read(name).reason for name in entries)
