"""System V and POSIX communication, pipes, memory files."""

from selbox.objects.operations.operation import Operation, Support
from selbox.typing import Final

ROWS: Final = (
    Operation(
        "SysV shared memory",
        "shm",
        ("create", "associate", "read", "write", "getattr", "setattr", "destroy", "lock", "unix_read", "unix_write"),
        "new: the task's own; segments made outside the box have the initial SID kernel's",
        Support.ENFORCED,
        "the supervisor shows as the creating process (ipcs -p). SHM_EXEC asks for process execmem too",
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
        "new: the task's own; one from outside the box has that of the task that is first seen with it",
        Support.LIMITED,
        "asked about when a program in another domain inherits one, and when one is opened by /proc/PID/fd; not at "
        "each read and write. A task that has room for one descriptor only is left with one end",
        "inode_doinit_use_task",
        ("pipe", "pipe2"),
    ),
    Operation(
        "POSIX message queues",
        "dir file filesystem capability",
        (
            *("search", "write", "add_name", "remove_name", "create", "associate", "read", "open", "unlink"),
            "sys_resource",
        ),
        "new: as a file's; the directory, and queues from outside the box, have what fs_use says of mqueue",
        Support.ENFORCED,
        "POSIX shared memory and semaphores are files, and mediated as such",
        "selinux_inode_create, selinux_file_open, selinux_inode_unlink",
        ("mq_open", "mq_unlink"),
    ),
    Operation(
        "memory files",
        "file memfd_file anon_inode",
        ("create", "getattr", "setattr", "map", "execute", "ioctl", "lock"),
        "new: by transition from task and file system; under memfd_class, from the task, in a class of their own; "
        "secret ones always from the task",
        Support.LIMITED,
        "who makes one may write it: what was opened is read and written without being asked again",
        "inode_doinit_with_dentry, selinux_inode_init_security_anon",
        ("memfd_create", "memfd_secret"),
    ),
    Operation(
        "handle page faults of one's own",
        "anon_inode",
        ("create", "getattr", "ioctl", "read"),
        "by transition from the task",
        Support.LIMITED,
        "faults of the program itself: what the kernel does for it, as when it reads a file, fails (EFAULT) instead of "
        "waiting, as for the unprivileged of a kernel. read is asked for when it is made. As in the kernel, it takes "
        "CAP_SYS_PTRACE without UFFD_USER_MODE_ONLY",
        "selinux_inode_init_security_anon, selinux_file_ioctl",
        ("userfaultfd",),
    ),
)
