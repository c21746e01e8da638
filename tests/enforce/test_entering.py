"""What a program inherits that runs in another domain, and what may lead into one at all."""

import os
import resource
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.enforce.boxes import Box, Outcome, environment
from tests.enforce.clients import USERS, make_box, needs

pytestmark = [
    pytest.mark.enforcement,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="the programs are C, and there is no gcc"),
]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type dog_t) (call domain_type (dog_t))
(type dog_exec_t) (call file_type (dog_exec_t))
(type yard_t) (call file_type (yard_t))
(call run_files (cat_t yard_t))
(call run_files (dog_t yard_t))
(call run_files (cat_t dog_exec_t))
(call domain_transition (cat_t dog_exec_t dog_t))
"""

BARE = (
    POLICY.replace("(call domain_transition (cat_t dog_exec_t dog_t))", "")
    + """
(typetransition cat_t dog_exec_t process dog_t) (call entry_point (dog_t dog_exec_t))
(allow cat_t dog_t (process (transition))) (call inherit_from (dog_t cat_t))
"""
)
"""The transition without what the base policy's macros say of it."""

SHOW = r"""
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/time.h>
int main(void) {
    struct rlimit files, core;
    sigset_t blocked;
    getrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_CORE, &core);
    sigprocmask(SIG_SETMASK, 0, &blocked);
    struct itimerval timer;
    struct sigaction action;
    getitimer(ITIMER_REAL, &timer);
    sigaction(SIGHUP, 0, &action);
    printf("secure %ld, loader %s, files %ld, core %ld, signals %d%d%d\n", getauxval(AT_SECURE),
        secure_getenv("TRUSTED") ? "trusts" : "distrusts", (long)files.rlim_cur, (long)core.rlim_cur,
        sigismember(&blocked, SIGUSR1), action.sa_handler == SIG_IGN, timer.it_value.tv_sec > 0);
    return 0;
}
"""

START = r"""
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>
int main(int count, char **words) {
    struct rlimit limit;
    sigset_t blocked;
    getrlimit(RLIMIT_NOFILE, &limit); limit.rlim_cur = 777; setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_CORE, &limit); limit.rlim_cur = 4000; setrlimit(RLIMIT_CORE, &limit);
    sigemptyset(&blocked); sigaddset(&blocked, SIGUSR1); sigprocmask(SIG_SETMASK, &blocked, 0);
    signal(SIGHUP, SIG_IGN);
    kill(getpid(), SIGUSR1);
    struct itimerval timer = {{0, 0}, {1000, 0}};
    setitimer(ITIMER_REAL, &timer, 0);
    setenv("TRUSTED", "1", 1);
    execv(words[1], words + 1);
    return 9;
}
"""

SHARE = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
static char stack[65536];
static int child(void *unused) {
    char *words[] = {"./dog", 0};
    execv("./dog", words);
    printf("%d\n", errno);
    fflush(stdout);
    return 0;
}
int main(int count, char **words) {
    int status;
    wait((clone(child, stack + sizeof stack, (count > 1 ? CLONE_FS : 0) | SIGCHLD, 0), &status));
    return 0;
}
"""

PRETEND = r"""
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <signal.h>
#include <unistd.h>
int main(int count, char **words) {
    struct itimerval timer = {{0, 0}, {1000, 0}};
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, atoi(words[1]), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | atoi(words[2])),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog filter = {4, code};
    signal(SIGHUP, SIG_IGN);
    setitimer(ITIMER_REAL, &timer, 0);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter)) return 8;
    execv(words[3], words + 3);
    return 9;
}
"""

GROUPS = r"""
#include <grp.h>
#include <unistd.h>
int main(int count, char **words) {
    static gid_t groups[65536];
    for (int i = 0; i < 65536; i++) groups[i] = 4000000000 + i;
    if (setgroups(65536, groups)) return 8;
    execv(words[1], words + 1);
    return 9;
}
"""

HOLDER = r"""
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
int main(int count, char **words) {
    int file = open("food", O_RDONLY);
    for (int i = 1; i < atoi(words[1]); i++) dup(file);
    execl("./dog", "./dog", NULL);
    return 9;
}
"""

COUNT = r"""
#include <stdio.h>
#include <unistd.h>
int main(void) {
    int found = 0;
    char byte;
    for (int i = 3; i < 300; i++) found += pread(i, &byte, 1, 0) == 1;
    printf("%d\n", found);
    return 0;
}
"""

WHO = r"""
#include <fcntl.h>
#include <unistd.h>
int main(void) {
    char context[256] = "";
    read(open("/proc/self/attr/current", O_RDONLY), context, 255);
    write(1, context, 255);
    return 0;
}
"""


def compiled(box: Box, name: str, source: str) -> None:
    program = box.directory / name
    command = ["gcc", "-O1", "-D_GNU_SOURCE", "-w", "-x", "c", "-", "-o", str(program)]
    subprocess.run(command, input=source, text=True, check=True, capture_output=True)


def labels(box: Box, dog: Path) -> tuple[str, ...]:
    names = ((box.directory, "yard_t"), (dog, "dog_exec_t"))
    return ("--domain", "cat_t", *(f"--label={path}=system_u:object_r:{name}:s0" for path, name in names))


def prepared(factory: pytest.TempPathFactory, rules: str, user: int | None = None) -> Box:
    box = make_box(factory, POLICY + rules, user)
    compiled(box, "dog", SHOW)
    compiled(box, "start", START)
    compiled(box, "share", SHARE)
    return box


def run(box: Box, *command: str, options: tuple[str, ...] = ()) -> Outcome:
    return box.run(*command, options=(*labels(box, box.directory / "dog"), *options))


_HARD = [resource.getrlimit(each)[1] for each in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)]
needs_limits = pytest.mark.skipif(
    any(hard != resource.RLIM_INFINITY and hard < 4096 for hard in _HARD),
    reason="hard limits are lower here than those that the test sets",
)


@needs_limits
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(
    ("granted", "expected"),
    [
        ("", "secure 1, loader distrusts, files 1024, core 0, signals 000"),
        ("noatsecure", "secure 0, loader trusts, files 1024, core 0, signals 000"),
        ("rlimitinh", "secure 1, loader distrusts, files 777, core 4000, signals 000"),
        ("siginh", "secure 1, loader distrusts, files 1024, core 0, signals 111"),
        ("noatsecure rlimitinh siginh", "secure 0, loader trusts, files 777, core 4000, signals 111"),
    ],
)
def test_what_a_new_domain_inherits(
    tmp_path_factory: pytest.TempPathFactory, user: int | None, granted: str, expected: str
) -> None:
    box = prepared(tmp_path_factory, f"(allow cat_t dog_t (process ({granted})))" if granted else "", user)
    outcome = run(box, "./start", "./dog")
    assert (outcome.output, outcome.errors, outcome.records) == (f"{expected}\n", "", ())


@needs_limits
@pytest.mark.parametrize("user", USERS)
def test_a_filter_that_pretends_keeps_nothing_for_a_new_domain(
    tmp_path_factory: pytest.TempPathFactory, user: int | None
) -> None:
    """What the supervisor has a new program do goes through the program's own filter."""
    box = prepared(tmp_path_factory, "", user)
    compiled(box, "pretend", PRETEND)
    calls = (f"{number} {error}" for number in (13, 38, 39) for error in (0, 1))
    script = "; ".join(f"(./pretend {each} ./dog); echo $?" for each in calls)
    lines = run(box, "/bin/sh", "-c", script).output.splitlines()
    untouched = [lines[4][: lines[4].index("files")] + lines[4][lines[4].index("signals") :], *lines[5:]]
    assert lines[:4] == ["137"] * 4
    assert untouched[:2] == ["secure 1, loader distrusts, signals 000", "0"]


@needs_limits
@pytest.mark.skipif(os.geteuid() != 0, reason="only root is in the groups that it likes")
def test_who_is_in_many_groups_brings_no_signals_along(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What the kernel tells of a task is longer by them, and signals come behind."""
    box = prepared(tmp_path_factory, "(allow cat_t self (capability (setgid)))")
    compiled(box, "groups", GROUPS)
    outcome = run(box, "./groups", "./start", "./dog")
    assert outcome.output == "secure 1, loader distrusts, files 1024, core 0, signals 000\n", outcome.errors


@needs_limits
@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes programs that run as another user")
def test_a_program_gets_its_label_that_runs_as_another_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nobody but itself may set its limits, where root lacks ``CAP_SYS_RESOURCE``."""
    box = prepared(tmp_path_factory, "")
    compiled(box, "who", WHO)
    for name in ("dog", "who"):
        os.chown(box.directory / name, 65534, 65534)
        (box.directory / name).chmod(0o6755)
    outcome = run(box, "./start", "./dog")
    assert outcome.output == "secure 1, loader distrusts, files 1024, core 0, signals 000\n", outcome.errors
    outcome = run(box, "/bin/sh", "-c", "./who; exec ./who")
    assert outcome.output.count(":cat_t:") == 2, outcome.errors


@needs_limits
def test_the_same_domain_inherits_all_and_permissive_only_records(tmp_path_factory: pytest.TempPathFactory) -> None:
    everything = "secure 0, loader trusts, files 777, core 4000, signals 111\n"
    # Here what a domain does not inherit by default is to be recorded.
    box = prepared(tmp_path_factory, "")
    (box.directory / "cat").write_bytes((box.directory / "dog").read_bytes())
    (box.directory / "cat").chmod(0o755)
    assert run(box, "./start", "./cat").output == everything
    box.policy.write_text(BARE)
    permissive = run(box, "./start", "./dog", options=("--permissive",))
    assert permissive.output == everything
    asked = [each.permissions[0] for each in permissive.records if each.tclass == "process"]
    assert asked == ["noatsecure", "rlimitinh", "siginh"]
    enforcing = run(box, "./start", "./dog")
    assert [each.permissions[0] for each in enforcing.records] == asked
    assert all(not each.permissive and each.tcontext.split(":")[2] == "dog_t" for each in enforcing.records)


@needs("prlimit")
def test_a_program_inherits_nothing_unasked_however_much_its_caller_has_open(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Here it has as many descriptors as the supervisor may have."""
    rules = "(type food_t) (call file_type (food_t)) (call read_files (cat_t food_t))"
    box = make_box(tmp_path_factory, POLICY + rules, None)
    compiled(box, "holder", HOLDER)
    compiled(box, "dog", COUNT)
    food = f"--label={box.file('food', 'food')}=system_u:object_r:food_t:s0"
    around = ("prlimit", "--nofile=300:300")
    for many in (200, 270, 275, 280, 285, 290):
        options = (*labels(box, box.directory / "dog"), food)
        outcome = box.run("./holder", str(many), options=options, around=around)
        assert (outcome.output, outcome.errors) == ("0\n", ""), many
        assert len(outcome.denied("file", "read")) == many


def test_a_large_environment_is_distrusted_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    box = prepared(tmp_path_factory, "")
    box.file("many.sh", "for i in $(seq 5000); do export V$i=$i; done; exec ./dog\n")
    assert "secure 1, loader distrusts" in run(box, "/bin/sh", "many.sh").output


def test_a_preloaded_library_stays_outside(tmp_path_factory: pytest.TempPathFactory) -> None:
    box = prepared(tmp_path_factory, "")
    library = box.directory / "spy.so"
    source = '#include <unistd.h>\n__attribute__((constructor)) void spy(void) { write(1, "spying\\n", 7); }\n'
    command = ["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)]
    subprocess.run(command, input=source, text=True, check=True, capture_output=True)
    outcome = run(box, "/bin/sh", "-c", "LD_PRELOAD=$PWD/spy.so ./share; LD_PRELOAD=$PWD/spy.so ./dog")
    # share and its child before exec are cat_t; what runs in dog_t is not reached.
    assert outcome.output.count("spying") == 1
    assert outcome.output.count("secure 1") == 2


def test_who_shares_its_directories_needs_leave_to_enter(tmp_path_factory: pytest.TempPathFactory) -> None:
    rules = "(type mouse_t) (call domain_type (mouse_t)) (call domain_transition (mouse_t dog_exec_t dog_t))"
    box = prepared(tmp_path_factory, f"{rules} (call run_files (mouse_t yard_t))")
    assert "secure 1" in run(box, "./share").output
    denied = run(box, "./share", "shared")
    assert denied.output == "1\n"
    assert [each.permissions for each in denied.records] == [("share",)]
    box.policy.write_text(f"{box.policy.read_text()}(allow cat_t dog_t (process (share)))")
    assert "secure 1" in run(box, "./share", "shared").output


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
@needs("unshare", "mount")
@pytest.mark.parametrize(
    ("rules", "asked_for", "domain", "records"),
    [
        ("", False, "cat_t", ["nosuid_transition"]),
        ("", True, "", ["nosuid_transition"]),
        ("(allow cat_t dog_t (process2 (nosuid_transition)))", False, "dog_t", []),
        ("(allow cat_t dog_t (process2 (nosuid_transition)))", True, "dog_t", []),
    ],
)
def test_a_program_on_a_nosuid_mount_needs_leave_to_change_the_domain(
    tmp_path_factory: pytest.TempPathFactory, rules: str, asked_for: bool, domain: str, records: list[str]
) -> None:
    box = make_box(tmp_path_factory, BARE + rules, None)
    mounted = box.directory / "mounted"
    mounted.mkdir()
    inside = "runcon system_u:system_r:dog_t:s0 ./mounted/dog; true" if asked_for else "./mounted/dog"
    if asked_for:
        box.policy.write_text(f"{box.policy.read_text()}(allow cat_t self (process (setexec)))")
    options = (*labels(box, mounted), "--audit", str(box.directory / "audit.log"))
    command = [*box.arguments(*options), "/bin/sh", "-c", inside]
    compiled(box, "who", WHO)
    prepare = f"mount -t tmpfs -o nosuid none {mounted} && cp who {mounted}/dog && exec {shlex.join(command)}"
    result = subprocess.run(
        ["unshare", "-m", "/bin/sh", "-c", prepare],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
        cwd=box.directory,
    )
    audit = (box.directory / "audit.log").read_text() if (box.directory / "audit.log").exists() else ""
    assert (domain in result.stdout) if domain else (result.stdout == "" and "Permission denied" in result.stderr), (
        result
    )
    found = [line.split("{ ")[1].split(" }")[0] for line in audit.splitlines() if "tclass=process2" in line]
    assert found == records
    assert ("security_bounded_transition" in audit) == (domain in ("", "cat_t"))
