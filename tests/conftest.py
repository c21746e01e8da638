"""What holds for all tests."""

import signal

from hypothesis import settings

from tests.strength import tries

# How long an example takes says more about the machine than about the code; where work matters, it is counted.
settings.register_profile("selbox", deadline=None, max_examples=tries(200))
settings.load_profile("selbox")

# Under `nohup`, and in the background of a script, these arrive ignored; programs inherit that, and a shell cannot trap
# a signal that was ignored when it started.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
