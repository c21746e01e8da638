"""System V and POSIX communication, pipes, memory files."""

from typing import Final

from selbox.objects.operations.operation import Operation, Support

ROWS: Final = (
    Operation(
        "SysV shared memory",
        "shm",
        ("create", "associate", "read", "write", "getattr", "setattr", "destroy", "lock", "unix_read", "unix_write"),
        "new: the task's own; segments made outside the box have the initial SID kernel's",
        Support.ENFORCED,
        "the supervisor shows as the creating process (ipcs -p)",
        "selinux_shm_*",
        ("shmget", "shmat", "shmctl"),
    ),
    Operation(
        "SysV semaphores",
        "sem",
        ("create", "associate", "read", "write", "getattr", "setattr", "destroy", "unix_read", "unix_write"),
        "as shared memory",
        Support.ENFORCED,
        "",
        "selinux_sem_*",
        ("semget", "semop", "semtimedop", "semctl"),
    ),
    Operation(
        "SysV message queues",
        "msgq msg",
        ("create", "associate", "read", "write", "enqueue", "send", "receive", "getattr", "setattr", "destroy"),
        "queue as shared memory; messages by transition from sender and queue",
        Support.LIMITED,
        "receive must be granted for every label that messages of the queue may have; messages from "
        "outside the box are not known",
        "selinux_msg_queue_*",
        ("msgget", "msgsnd", "msgrcv", "msgctl"),
    ),
    Operation(
        "pipes",
        "fifo_file",
        ("create", "read", "write"),
        "the task that is first seen with it",
        Support.LIMITED,
        "asked about when a program in another domain inherits one",
        "selinux_inode_init_security_anon",
        (),
    ),
    Operation(
        "POSIX message queues, memory files, keys, BPF, perf",
        "file memfd_file key bpf perf_event",
        (),
        "",
        Support.NOT_MEDIATED,
        "bpf and perf_event_open are refused; POSIX shared memory and semaphores are files and mediated as such",
        "",
        (),
    ),
)
