"""What is the whole machine's: its name, its clock, the kernel's log, and modules of the kernel."""

from selbox.enforce.seccomp.part import FilterPart
from selbox.typing import Final

PART: Final = FilterPart(
    notified=(
        *("sethostname", "setdomainname", "vhangup", "syslog"),
        *("settimeofday", "clock_settime", "adjtimex", "clock_adjtime"),
        *("init_module", "finit_module"),
    )
)
