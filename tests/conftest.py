"""What holds for all tests."""

from hypothesis import settings

# How long an example takes says more about the machine than about the code; where work matters, it is counted.
settings.register_profile("selbox", deadline=None)
settings.load_profile("selbox")
