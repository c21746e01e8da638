"""The file beside a compiled binary that says where in the source each of its rules was written.

It cannot change a decision: it holds places, and for rules that were merged the parts that their statements gave.
Reading it checks that it was made for this very binary, and that the parts come to what the binary says.
"""

from selbox.binary.origins.container import moved_origins
from selbox.binary.origins.reader import with_origins
from selbox.binary.origins.writer import write_origins

__all__ = ["moved_origins", "with_origins", "write_origins"]
