"""System V communication."""

from typing import Final

from selbox.enforce.seccomp.part import FilterPart

PART: Final = FilterPart(
    notified=(
        *("shmget", "shmat", "shmctl", "semget", "semop", "semtimedop", "semctl"),
        *("msgget", "msgsnd", "msgrcv", "msgctl"),
    )
)
