"""Two tenants of one domain that only categories keep apart: neither reaches anything of the other's."""

import pytest

from tests.enforce.clients import PYTHON, make_box, needs, needs_python
from tests.enforce.test_status import PRELUDE

POLICY = """
(type tenant_t) (call domain_type (tenant_t))
(type food_t) (call file_type (food_t))
(type yard_t) (call file_type (yard_t))
(typeattributeset mls_trusted_object yard_t)
(call manage_files (tenant_t yard_t))
(call manage_files (tenant_t food_t))
(call run_files (tenant_t food_t))
(call make_files_in (tenant_t yard_t food_t))
(call make_files_in (tenant_t tmpfs_t food_t))
(call own_ipc (tenant_t))
(call see_processes (tenant_t tenant_t))
(allow tenant_t self (process (ptrace signal sigkill sigstop setsched getsched setrlimit getrlimit getcap)))
(allow tenant_t self (unix_stream_socket (connectto)))
(allow tenant_t self (unix_dgram_socket (sendto)))
"""

COMMON = """
import fcntl, mmap, resource, signal, socket, sys, time
libc.shmat.restype = ctypes.c_long
def stream(name): socket.socket(socket.AF_UNIX).connect(name)
def datagram(name): socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"x", name)
"""

FIRST = """
own, key = os.getpid(), os.getpid() + (1 << 20)
open("secret", "w").write("s")
os.mkdir("home"); open("home/file", "w").close(); os.mkfifo("fifo")
queue = b"selbox%d" % own
sockets = [socket.socket(socket.AF_UNIX, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_STREAM, socket.SOCK_DGRAM)]
for each, name in zip(sockets, ("socket", f"\\0stream{own}", f"\\0datagram{own}")):
    each.bind(name)
sockets[0].listen(); sockets[1].listen()
ids = call(29, key, 4096, 0o1666), call(64, key, 1, 0o1666), call(68, key, 0o1666)
call(240, queue, 0o102, 0o666, None)
open(f"/dev/shm/selbox{own}", "w").close()
print(own, key, *ids, file=open("told", "w"), flush=True)
sys.stdin.readline()
os.unlink(f"/dev/shm/selbox{own}")
print(call(31, ids[0], 0, 0), call(66, ids[1], 0, 0), call(71, ids[2], 0, 0), call(241, queue))
"""

SECOND = """
first, key, memory, semaphores, messages = map(int, sys.argv[1:])
place, queue, buffer = f"/proc/{first}/", b"selbox%d" % first, ctypes.create_string_buffer(256)
vector = struct.pack("QQ", ctypes.addressof(buffer), 8)
def trying(name, function, *arguments):
    try:
        print(name, "done", function(*arguments))
    except OSError as error:
        print(name, error.errno)
def asking(name, *arguments):
    result = call(*arguments)
    print(name, result if isinstance(result, str) else "done")
def exchange(): open("mine", "w").close(); os.rename("mine", "secret")
for flags in (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY | os.O_APPEND, os.O_RDWR | os.O_CREAT):
    trying(f"open {flags}", os.open, "secret", flags)
trying("truncate", os.truncate, "secret", 0)
trying("chmod", os.chmod, "secret", 0o777)
trying("unlink", os.unlink, "secret")
trying("rename", os.rename, "secret", "x")
trying("rename onto", exchange)
trying("link", os.link, "secret", "x")
trying("stat", os.stat, "secret")
trying("utime", os.utime, "secret")
trying("setxattr", os.setxattr, "secret", "user.x", b"1")
trying("relabel", os.setxattr, "secret", "security.selinux", b"system_u:object_r:food_t:s0:c2")
trying("exec", os.execv, "./secret", ["x"])
trying("create in", os.open, "home/new", os.O_CREAT | os.O_WRONLY)
trying("rmdir", os.rmdir, "home")
trying("list", os.listdir, "home")
trying("unlink in", os.unlink, "home/file")
trying("move out", os.rename, "home/file", "x")
trying("chdir", os.chdir, "home")
trying("fifo", os.open, "fifo", os.O_RDWR | os.O_NONBLOCK)
trying("connect", stream, "socket")
trying("connect abstract", stream, f"\\0stream{first}")
trying("send", datagram, f"\\0datagram{first}")
for flags in (0, 0o10000):
    asking(f"shmat {flags}", 30, memory, 0, flags)
for command in (0, 2):
    asking(f"shmctl {command}", 31, memory, command, buffer)
asking("shmget", 29, key, 4096, 0)
asking("semop", 65, semaphores, struct.pack("hhh", 0, 1, 0), 1)
for command in (0, 12):
    asking(f"semctl {command}", 66, semaphores, 0, command, 0)
asking("msgsnd", 69, messages, struct.pack("l8s", 1, b"x"), 8, 0o4000)
asking("msgrcv", 70, messages, buffer, 8, 0, 0o4000)
asking("msgctl", 71, messages, 0, 0)
asking("mq_open", 240, queue, 2, 0, None)
asking("mq_unlink", 241, queue)
for flags in (os.O_RDWR, os.O_RDONLY):
    trying(f"shared memory {flags}", os.open, f"/dev/shm/selbox{first}", flags)
for number in (0, 9, 15, 18, 19):
    trying(f"kill {number}", os.kill, first, number)
asking("tgkill", 234, first, first, 10)
trying("pidfd", lambda: signal.pidfd_send_signal(os.pidfd_open(first), 10))
trying("owner", lambda: fcntl.fcntl(os.open("/dev/null", 0), fcntl.F_SETOWN, first))
asking("ptrace", 101, 0x4206, first, 0, 0)
asking("getfd", 438, os.pidfd_open(first), 3, 0)
asking("read memory", 310, first, vector, 1, vector, 1, 0)
asking("write memory", 311, first, vector, 1, vector, 1, 0)
asking("kcmp", 312, os.getpid(), first, 1, 0, 0)
for name, flags in (("mem", 2), ("environ", 0), ("maps", 0), ("fd/3", 0), ("oom_score_adj", 1)):
    trying(name, os.open, place + name, flags)
for name in ("fd", "cwd/"):
    trying(name, os.listdir, place + name)
trying("exe", os.readlink, place + "exe")
trying("setrlimit", resource.prlimit, first, resource.RLIMIT_NOFILE, (5, 5))
trying("getrlimit", resource.prlimit, first, resource.RLIMIT_NOFILE)
trying("nice", os.setpriority, os.PRIO_PROCESS, first, 10)
trying("setaffinity", os.sched_setaffinity, first, {0})
trying("getaffinity", os.sched_getaffinity, first)
trying("getpgid", os.getpgid, first)
trying("getsid", os.getsid, first)
"""

SCRIPT = """
mkfifo end; exec 3<> end
runcon system_u:system_r:tenant_t:s0:c1 {python} -I first < end > removed &
until [ -s told ]; do sleep 0.02; done
for level in s0:c2 s0; do runcon system_u:system_r:tenant_t:$level {python} -I second $(cat told); done
echo > end; wait; cat removed
"""


@pytest.mark.enforcement
@needs("runcon", "mkfifo")
@needs_python
def test_tenants_reach_nothing_of_each_others(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert PYTHON is not None
    box = make_box(tmp_path_factory, POLICY, None)
    for name, program in (("first", FIRST), ("second", SECOND)):
        box.file(name, PRELUDE + COMMON + program)
    label = f"--label={box.directory}=system_u:object_r:yard_t:s0"
    lines = box.shell(SCRIPT.format(python=PYTHON), label).output.splitlines()
    assert lines[-1] == "0 0 0 0", lines
    assert len(lines) > 120
    assert [each for each in lines[:-1] if "done" in each] == []
