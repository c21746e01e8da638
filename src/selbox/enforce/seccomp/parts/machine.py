"""What is the whole machine's: its name, its clock, and the kernel's log."""

from typing import Final

from selbox.enforce.seccomp.part import FilterPart

PART: Final = FilterPart(
    notified=(
        *("sethostname", "setdomainname", "vhangup", "syslog"),
        *("settimeofday", "clock_settime", "adjtimex", "clock_adjtime"),
    )
)
