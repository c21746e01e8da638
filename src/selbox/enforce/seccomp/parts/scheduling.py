"""How tasks are scheduled, and where their memory lies."""

from selbox.enforce.seccomp.part import FilterPart
from selbox.typing import Final

PART: Final = FilterPart(
    notified=(
        *("sched_setscheduler", "sched_setparam", "sched_setattr", "sched_setaffinity"),
        *("sched_getscheduler", "sched_getparam", "sched_getattr", "sched_getaffinity", "sched_rr_get_interval"),
        *("setpriority", "ioprio_set", "ioprio_get", "move_pages", "migrate_pages"),
    )
)
