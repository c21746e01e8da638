"""What holds for all tests."""

import os
import signal
import tempfile

import pytest
from hypothesis import HealthCheck, settings

from tests.strength import tries

# How long an example takes says more about the machine than about the code; where work matters, it is counted.
settings.register_profile(
    "selbox", deadline=None, max_examples=tries(200), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("selbox")

# Under `nohup`, and in the background of a script, these arrive ignored; programs inherit that, and a shell cannot trap
# a signal that was ignored when it started.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Give selbox a place for what it keeps from one run to the next, which is that of this run and all its workers."""
    if not hasattr(config, "workerinput"):
        directory = tempfile.TemporaryDirectory(prefix="selbox-caches-", ignore_cleanup_errors=True)
        config.add_cleanup(directory.cleanup)
        os.chmod(directory.name, 0o711)  # others have directories of their own in it
        os.environ["XDG_CACHE_HOME"] = f"{directory.name}/{os.geteuid()}"
        # Whoever starts pytest closes the directory that all its runs have to everybody else, and other users run
        # programs in this one's.
        if config.option.basetemp is None:
            config.option.basetemp = f"{directory.name}/tests"
