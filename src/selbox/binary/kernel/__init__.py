"""The kernel's binary policy, one file a section, read into a ``Policy`` and written from one.

Each section's file reads and writes it, so that the two stand side by side; what differs between the format's versions
is in the table of ``versions``. ``reader`` and ``writer`` put the sections together.
"""

from selbox.binary.kernel.reader import read_policy
from selbox.binary.kernel.versions import NEWEST_VERSION, OLDEST_VERSION
from selbox.binary.kernel.writer import write_policy, write_sections

__all__ = ["NEWEST_VERSION", "OLDEST_VERSION", "read_policy", "write_policy", "write_sections"]
