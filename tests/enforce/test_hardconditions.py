"""Boxes where resources end, where much is asked at once, and where others have limited what selbox may do."""

import errno
import fcntl
import os
import resource
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.enforce.boxes import Box, environment
from tests.enforce.clients import PYTHON, make_box, needs, needs_python
from tests.patience import PATIENCE, wait_for

pytestmark = pytest.mark.enforcement
needs_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="the programs are C, and there is no gcc")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what is needed")

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type dog_t) (call domain_type (dog_t))
(type yard_t) (call file_type (yard_t))
(type secret_food_t) (call file_type (secret_food_t))
(type dog_exec_t) (call file_type (dog_exec_t))
(call manage_files (cat_t yard_t))
(call run_files (cat_t yard_t))
(call domain_transition (cat_t dog_exec_t dog_t))
"""


@pytest.fixture
def box(tmp_path_factory: pytest.TempPathFactory) -> Box:
    box = make_box(tmp_path_factory, POLICY, None)
    box.file("food", "chow")
    box.file("salt", "secret")
    return box


def options(box: Box) -> tuple[str, ...]:
    names = (
        (box.directory, "yard_t"),
        (box.directory / "salt", "secret_food_t"),
        (box.directory / "dog", "dog_exec_t"),
    )
    labels = (f"--label={path}=system_u:object_r:{name}:s0" for path, name in names if path.exists())
    return ("--domain", "cat_t", *labels)


def compiled(box: Box, name: str, source: str) -> Path:
    program = box.directory / name
    command = ["gcc", "-O1", "-w", "-pthread", "-x", "c", "-", "-o", str(program)]
    subprocess.run(command, input=source, text=True, check=True, capture_output=True)
    return program


def run_under(box: Box, before: str, *command: str, timeout: float = PATIENCE) -> subprocess.CompletedProcess[str]:
    """Run a box from a shell that first does something to itself."""
    words = [*box.arguments(*options(box)), *command]
    return subprocess.run(
        ["/bin/sh", "-c", f'{before}; exec "$@"', "sh", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        cwd=box.directory,
        env=environment(),
    )


# --- Limits ---------------------------------------------------------------------------------------------------------

MANY = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int count, char **words) {
    int wanted = atoi(words[1]), made = 0, good = 0, leaked = 0, ready[2], go[2];
    pipe(ready); pipe(go);
    for (int i = 0; i < wanted; i++) {
        pid_t child = fork();
        if (child < 0) continue;
        made++;
        if (child == 0) {
            char byte;
            write(ready[1], "x", 1);
            close(go[1]);
            read(go[0], &byte, 1);
            int food = open("food", O_RDONLY), salt = open("salt", O_RDONLY);
            _exit((food >= 0) | (salt >= 0) << 1);
        }
    }
    for (int i = 0; i < made; i++) { char byte; read(ready[0], &byte, 1); }
    close(go[1]);
    for (int i = 0; i < made; i++) {
        int status;
        wait(&status);
        good += WIFEXITED(status) && WEXITSTATUS(status) & 1;
        leaked += WIFEXITED(status) && WEXITSTATUS(status) & 2;
    }
    printf("%d %d %d\n", made, good, leaked);
    return 0;
}
"""


@needs_compiler
@pytest.mark.parametrize("limit", ["ulimit -Sn 40", "ulimit -n 64", "ulimit -s 512", "ulimit -c 0", "ulimit -l 0"])
def test_low_limits_of_the_starter_are_the_programs_and_not_the_supervisors(box: Box, limit: str) -> None:
    compiled(box, "many", MANY)
    result = run_under(box, limit, "./many", "100")
    assert (result.stdout, result.stderr) == ("100 100 0\n", "")


@needs_compiler
def test_limits_within_are_what_they_were(box: Box) -> None:
    result = run_under(box, "ulimit -n 200; ulimit -Sn 100", "/bin/sh", "-c", "ulimit -Sn; ulimit -Hn")
    assert result.stdout == "100\n200\n"


@needs_compiler
def test_two_thousand_processes_are_served(box: Box) -> None:
    if 0 <= resource.getrlimit(resource.RLIMIT_NPROC)[0] < 4000:
        pytest.skip("fewer processes than that may be had here")
    compiled(box, "many", MANY)
    outcome = box.run("./many", "2000", options=options(box))
    assert outcome.output == "2000 2000 0\n"
    assert len(outcome.denied("file", "read")) == 2000


STORM = r"""
#include <unistd.h>
int main(void) {
    if (fork() == 0) for (;;) fork();
    sleep(2);
    write(1, "over\n", 5);
    return 0;
}
"""


@needs_compiler
@needs_root
@needs("prlimit", "setpriv")
def test_a_fork_storm_ends_with_its_box(tmp_path_factory: pytest.TempPathFactory) -> None:
    box = make_box(tmp_path_factory, POLICY, 61234)
    compiled(box, "storm", STORM)
    result = run_under(box, "true", "prlimit", "--nproc=200", "./storm")
    assert "over\n" in result.stdout
    assert subprocess.run(["pgrep", "-u", "61234"], check=False, capture_output=True).stdout == b""


# --- Records that cannot be written ---------------------------------------------------------------------------------


@pytest.mark.parametrize("full", ["/dev/full", "limit"])
def test_a_full_disk_loses_records_and_changes_no_decision(box: Box, full: str) -> None:
    audit = str(box.directory / "small") if full == "limit" else full
    script = "for i in 1 2 3 4 5 6 7 8 9; do cat salt; done 2>&1 | sort -u; cat food"
    words = [*box.arguments(*options(box)), "/bin/sh", "-c", script]
    words[words.index("--audit") + 1] = audit
    limit = "ulimit -f 1" if full == "limit" else "true"
    result = subprocess.run(
        ["/bin/sh", "-c", f'{limit}; exec "$@"', "sh", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=box.directory,
        env=environment(),
    )
    assert result.returncode == 0
    assert result.stdout == "cat: salt: Permission denied\nchow"
    assert "audit records could not be written" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_full_disk_lets_go_on_what_is_permissive(box: Box) -> None:
    words = [*box.arguments(*options(box), "--permissive"), "/bin/cat", "salt"]
    words[words.index("--audit") + 1] = "/dev/full"
    result = subprocess.run(words, capture_output=True, text=True, check=False, cwd=box.directory, env=environment())
    assert (result.returncode, result.stdout) == (0, "secret")


# --- Stopping -------------------------------------------------------------------------------------------------------


def test_a_stopped_supervisor_stops_its_box_and_goes_on_with_it(box: Box) -> None:
    script = "echo ready; while :; do cat food; echo; sleep 0.05; done"
    running = subprocess.Popen(
        [*box.arguments(*options(box)), "/bin/sh", "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=box.directory,
    )
    assert running.stdout is not None
    assert [running.stdout.readline() for _ in range(3)] == ["ready\n", "chow\n", "chow\n"]
    written = running.stdout.fileno()
    running.send_signal(signal.SIGSTOP)
    wait_for(lambda: _is_silent(written))  # nothing is opened while nobody decides
    running.send_signal(signal.SIGCONT)
    assert [running.stdout.readline() for _ in range(20)] == ["chow\n"] * 20
    running.terminate()
    assert running.wait(PATIENCE) == 128 + signal.SIGTERM
    running.stdout.close()


def _is_silent(descriptor: int) -> bool:
    """Tell whether nothing is written to a pipe for a moment; what was decided before may take that long."""
    written = _waiting(descriptor)
    time.sleep(0.5)
    return _waiting(descriptor) == written


def _waiting(descriptor: int) -> int:
    """Return how many bytes can be read from a pipe."""
    return int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)), sys.byteorder)


# --- Other users, namespaces and filters ----------------------------------------------------------------------------

WHO = r"""
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
int main(void) {
    printf("%d %d %d %d\n", getuid(), geteuid(), open("private", O_RDONLY) >= 0, open("salt", O_RDONLY) >= 0);
    return 0;
}
"""


@needs_compiler
@needs_root
@needs("setpriv")
def test_a_set_user_id_program_gains_what_ordinary_permissions_give_and_no_more(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    box = make_box(tmp_path_factory, POLICY + "(call change_identity (cat_t))", None)
    box.file("salt", "secret")
    box.file("private", "mine", 0o600)
    who = compiled(box, "who", WHO)
    shutil.copy(who, box.directory / "plain")
    who.chmod(0o4755)
    drop = "setpriv --reuid=65534 --regid=65534 --clear-groups ./who"
    plain = drop.replace("who", "plain")  # setpriv keeps capabilities until the exec takes them
    outcome = box.run("/bin/sh", "-c", f"{drop}; setpriv --no-new-privs {drop}; {plain}", options=options(box))
    assert outcome.output == "65534 0 1 0\n65534 65534 0 0\n65534 65534 0 0\n"
    as_nobody = Box(box.directory, POLICY, 65534).run("./who", options=options(box))
    assert as_nobody.output == "65534 65534 0 0\n", "selbox itself had to promise no new privileges"


@needs("unshare")
@pytest.mark.parametrize("user", [None, 65534])
def test_a_namespace_of_users_changes_nothing_for_policy(
    tmp_path_factory: pytest.TempPathFactory, user: int | None
) -> None:
    if user is not None and os.geteuid() != 0:
        pytest.skip("only root becomes another")
    box = make_box(tmp_path_factory, POLICY + "(call make_namespaces (cat_t))", user)
    box.file("food", "chow")
    box.file("salt", "secret")
    outcome = box.shell("unshare -Urm --propagation unchanged /bin/sh -c 'id -u; cat food; cat salt'", *options(box))
    if "unshare failed" in outcome.errors:
        pytest.skip("user namespaces cannot be had here")
    assert outcome.output == "0\nchow", (outcome.errors, outcome.records)
    assert outcome.denied("file", "read")


@needs("unshare")
def test_a_box_within_a_namespace_of_users(box: Box) -> None:
    words = [*box.arguments(*options(box)), "/bin/sh", "-c", "id -u; cat food salt"]
    result = subprocess.run(
        ["unshare", "-Ur", *words], capture_output=True, text=True, check=False, cwd=box.directory, env=environment()
    )
    if "unshare failed" in result.stderr:
        pytest.skip("user namespaces cannot be had here")
    assert result.stdout == "0\nchow"
    assert "salt: Permission denied" in result.stderr


CONTAINER = """
import ctypes, errno, os, struct, sys
from selbox.enforce.seccomp.bpf import *
# What Docker's default profile refuses to a container without capabilities of its own.
refused = {
    errno.EPERM: (155, 161, 163, 165, 166, 167, 168, 169, 172, 173, 175, 176, 246, 248, 249, 250, 272, 298, 300, 304,
        308, 313, 320, 321, 323, 425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 442),
    errno.ENOSYS: (435,),
}
program = [Instruction(LOAD_WORD, OFFSET_NUMBER)]
for number, calls in refused.items():
    program += [Instruction(JUMP_IF_EQUAL, call, f"fail {number}") for call in calls]
program += [Instruction(RETURN, RETURN_ALLOW)]
for number in refused:
    program += [Label(f"fail {number}"), Instruction(RETURN, return_errno(number))]
code = assemble(program)
libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(code, len(code))
header = struct.pack("=HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.syscall(317, 1, 0, header) == 0, ctypes.get_errno()
os.execv(sys.argv[1], sys.argv[1:])
"""


@needs_compiler
def test_a_box_within_a_container_like_filter(box: Box) -> None:
    compiled(box, "dog", WHO)
    script = (
        "cat food salt; ./dog; unshare -Ur true || echo closed; kill -0 $$ && nice -n 3 echo nice; mkdir d && ls -d d"
    )
    words = [sys.executable, "-c", CONTAINER, *box.arguments(*options(box)), "/bin/sh", "-c", script]
    result = subprocess.run(words, capture_output=True, text=True, check=False, cwd=box.directory, env=environment())
    uid = os.geteuid()
    assert result.stdout.splitlines() == [f"chow{uid} {uid} 0 0", "closed", "nice", "d"], result.stderr


@needs_python
def test_a_program_that_installs_a_filter_of_its_own(box: Box) -> None:
    # As browsers do for their workers: a filter without a listener, on top of the box's.
    box.policy.write_text(f"{box.policy.read_text()}(call run_files (cat_t etc_t))")
    script = CONTAINER.replace("from selbox.enforce.seccomp.bpf import *", BPF_IN_SHORT)
    outcome = box.run(str(PYTHON), "-I", "-c", script, "/bin/cat", "food", "salt", options=options(box))
    assert outcome.output == "chow"
    assert outcome.denied("file", "read")


@needs_python
def test_a_program_cannot_restrict_itself_by_what_its_supervisor_would_not_be_held_to(box: Box) -> None:
    script = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
print(libc.syscall(444, None, 0, 1), ctypes.get_errno())
"""
    outcome = box.run(str(PYTHON), "-I", "-c", script, options=options(box))
    assert outcome.output == f"-1 {errno.EOPNOTSUPP}\n"


BPF_IN_SHORT = """
LOAD_WORD, JUMP_IF_EQUAL, RETURN, RETURN_ALLOW, OFFSET_NUMBER = 0x20, 0x15, 0x06, 0x7FFF0000, 0
Label = lambda name: ("label", name)
Instruction = lambda code, operand=0, true="": (code, operand, true)
return_errno = lambda number: 0x00050000 | number
def assemble(program):
    places, lines = {}, []
    for each in program:
        if each[0] == "label": places[each[1]] = len(lines)
        else: lines.append(each)
    return b"".join(struct.pack("=HBBI", code, places[true] - here - 1 if true else 0, 0, operand)
        for here, (code, operand, true) in enumerate(lines))
"""


LEASES = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static int give(const char *way) {
    if (!strcmp(way, "open")) return open("leased", O_RDONLY);
    if (!strcmp(way, "empty")) return open("leased", O_WRONLY | O_TRUNC);
    if (!strcmp(way, "truncate")) return truncate("leased", 2);
    if (!strcmp(way, "nonblock")) return open("leased", O_RDONLY | O_NONBLOCK);
    return execl("./leased", "leased", 0);
}
int main(void) {
    signal(SIGIO, SIG_IGN);
    setvbuf(stdout, 0, _IONBF, 0);
    const char *ways[] = {"open", "empty", "truncate", "nonblock", "exec", 0};
    for (const char **way = ways; *way; way++) {
        int file = open("leased", O_RDWR | O_CREAT, 0700), status;
        ftruncate(file, 0);
        write(file, "1234", 4);
        while (fcntl(file, F_SETLEASE, F_WRLCK) && errno == EAGAIN) usleep(1000); /* until the last way has closed it */
        pid_t child = fork();
        if (!child) {
            close(file);
            _exit(give(*way) < 0 ? errno : 0);
        }
        int has_ended = 0, waits = way - ways < 3;
        for (int i = 0; i < (waits ? 200 : 60000) && !has_ended; i++) {
            usleep(1000);
            has_ended = waitpid(child, &status, WNOHANG) == child;
        }
        alarm(30); /* others are not to wait for as long as a lease lasts */
        close(open("other", O_RDWR | O_CREAT, 0600));
        alarm(0);
        printf("%s %d", *way, !has_ended);
        fcntl(file, F_SETLEASE, F_UNLCK);
        close(file);
        if (!has_ended) waitpid(child, &status, 0);
        printf(" %d\n", WEXITSTATUS(status));
    }
    return 0;
}
"""


@needs_compiler
def test_who_has_a_lease_on_a_file_stops_nobody_but_who_opens_it(tmp_path: Path) -> None:
    """The supervisor opens files for everybody; a lease makes an opening wait for three quarters of a minute."""
    rules = "(type food_t) (call file_type (food_t)) (call manage_files (cat_t food_t)) (call run_files (cat_t food_t))"
    box = Box(tmp_path, f"(type cat_t) (call domain_type (cat_t)) {rules}")
    program = ["gcc", "-O1", "-w", "-x", "c", "-", "-o", str(tmp_path / "program")]
    subprocess.run(program, input=LEASES, text=True, check=True, capture_output=True)
    label = f"--label={tmp_path}=system_u:object_r:food_t:s0"
    outcome = box.run("./program", options=("--domain", "cat_t", label))
    waits = [f"{way} 1 0" for way in ("open", "empty", "truncate")]
    assert outcome.output.splitlines() == [*waits, "nonblock 0 11", "exec 0 11"], outcome.errors


@needs("unshare")
@needs_root
@pytest.mark.skipif(not os.access("/proc/sys/net/core/somaxconn", os.W_OK), reason="settings cannot be written here")
def test_settings_of_the_hosts_network_are_not_those_of_a_programs_own(box: Box) -> None:
    setting = "/proc/sys/net/core/somaxconn"
    before = Path(setting).read_text()
    write = f"echo {before.strip()} > {setting} && echo written"
    assert box.shell(write).output == "written\n"
    outcome = box.shell(f"unshare -n /bin/sh -c '{write}'; unshare -m /bin/sh -c '{write}'")
    assert outcome.output == "written\n"  # by the second one, whose network is the host's
    assert "Permission denied" in outcome.errors
    assert Path(setting).read_text() == before


WAITING_OPENERS = """
import os, threading, time
def threads():
    with open(f"/proc/{os.getppid()}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("Threads:"))
before = threads()
os.mkfifo("pipe")
for _ in range(40):
    threading.Thread(target=os.open, args=("pipe", os.O_RDONLY)).start()
last = 0
while last < before + 40 or last != threads():
    last = threads()
    time.sleep(0.2)
print(last - before)
os.open("pipe", os.O_RDWR)
"""


@needs_python
def test_who_waits_costs_the_supervisor_a_thread_and_no_more(tmp_path: Path) -> None:
    """One more looks after all of them: that each had one of its own let no other call through with some thousand."""
    outcome = Box(tmp_path, "").run(str(PYTHON), "-c", WAITING_OPENERS)
    assert (outcome.output, outcome.errors) == ("41\n", "")
