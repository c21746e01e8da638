"""What is the whole machine's: its name, its clock, and the kernel's log."""

from selbox.enforce.seccomp.part import FilterPart
from selbox.typing import Final

PART: Final = FilterPart(
    notified=(
        *("sethostname", "setdomainname", "vhangup", "syslog"),
        *("settimeofday", "clock_settime", "adjtimex", "clock_adjtime"),
    )
)
