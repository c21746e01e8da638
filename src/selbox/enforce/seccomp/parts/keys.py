"""Keys."""

from selbox.enforce.seccomp.part import FilterPart
from selbox.typing import Final

PART: Final = FilterPart(notified=("add_key", "request_key", "keyctl"))
