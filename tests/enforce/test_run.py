"""What `selbox run` does to real programs: domains, files, signals, exit statuses, and nothing left behind."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.enforce.boxes import Box, environment
from tests.patience import PATIENCE, wait_for

pytestmark = pytest.mark.enforcement

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type dog_t) (call domain_type (dog_t))
(type cat_chow_t) (call file_type (cat_chow_t))
(type dog_chow_t) (call file_type (dog_chow_t))
(type yard_t) (call file_type (yard_t))
(type toy_t) (call file_type (toy_t))
(type dog_exec_t) (call file_type (dog_exec_t))
(call manage_files (cat_t yard_t))
(call manage_files (cat_t cat_chow_t))
(call make_files_in (cat_t yard_t toy_t))
(call manage_files (cat_t toy_t))
(call read_files (cat_t cat_chow_t))
(call read_files (dog_t dog_chow_t))
(call read_files (dog_t yard_t))
(call domain_transition (cat_t dog_exec_t dog_t))
(call run_files (cat_t dog_exec_t))
(type bird_t) (call domain_type (bird_t))
(type bird_exec_t) (call file_type (bird_exec_t))
(allow cat_t bird_exec_t (file (getattr open read map execute)))
(allow cat_t bird_t (process (transition)))
(call entry_point (bird_t bird_exec_t))
(typetransition cat_t bird_exec_t process bird_t)
(call read_files (bird_t yard_t))
(typetransition cat_t yard_t dir "kennel" cat_chow_t)
(type bowl_t) (call file_type (bowl_t))
(allow cat_t bowl_t (dir (getattr search)))
"""
LABEL = "system_u:object_r:{}:s0"
CAT = ("--domain", "cat_t")


def label(path: Path, type_name: str) -> str:
    return f"--label={path}={LABEL.format(type_name)}"


USERS = [
    pytest.param(None, id="own user"),
    pytest.param(65534, id="nobody", marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another")),
]


@pytest.fixture(params=USERS)
def box(request: pytest.FixtureRequest) -> Iterator[Box]:
    # Not pytest's own directory: that lets nobody else in, and says so again whenever another run begins.
    with tempfile.TemporaryDirectory(prefix="selbox-") as directory:
        yield Box(Path(directory), POLICY, request.param)


def yard(box: Box) -> str:
    return label(box.directory, "yard_t")


def test_a_program_runs_as_without_selbox(box: Box) -> None:
    outcome = box.shell("echo out; echo err >&2; exit 7")
    assert (outcome.status, outcome.output, outcome.errors) == (7, "out\n", "err\n")


def test_a_signal_ends_it_as_a_shell_reports(box: Box) -> None:
    assert box.shell("kill -TERM $$").status == 128 + signal.SIGTERM


def test_reading_is_decided_by_the_label(box: Box) -> None:
    cat, dog = box.file("cat_chow", "fish"), box.file("dog_chow", "bone")
    outcome = box.run(
        "/bin/cat", str(cat), str(dog), options=(*CAT, yard(box), label(cat, "cat_chow_t"), label(dog, "dog_chow_t"))
    )
    assert outcome.output == "fish"
    assert "Permission denied" in outcome.errors
    (record,) = outcome.records
    assert (record.permissions, record.tclass, record.permissive) == (("read",), "file", False)
    assert record.scontext == "system_u:system_r:cat_t:s0"
    assert record.tcontext == LABEL.format("dog_chow_t")
    assert (record.comm, record.field("path")) == ("cat", str(dog))
    assert record.field("ino") == str(dog.stat().st_ino)


def test_a_kernel_policy_decides_as_its_source(box: Box) -> None:
    cat, dog = box.file("cat_chow", "fish"), box.file("dog_chow", "bone")
    contexts = box.directory / "contexts"
    words = ["compile", str(box.policy), "-o", str(box.policy), "--file-contexts", str(contexts)]
    subprocess.run([sys.executable, "-m", "selbox", *words], capture_output=True, check=True, env=environment())
    assert box.policy.read_bytes().startswith(b"\x8c\xff\x7c\xf9")
    outcome = box.run(
        "/bin/cat",
        str(cat),
        str(dog),
        options=(
            *CAT,
            "--file-contexts",
            str(contexts),
            yard(box),
            label(cat, "cat_chow_t"),
            label(dog, "dog_chow_t"),
        ),
    )
    assert outcome.output == "fish"
    (record,) = outcome.records
    assert (record.permissions, record.tcontext) == (("read",), LABEL.format("dog_chow_t"))


def test_permissive_records_and_lets_go_on(box: Box) -> None:
    dog = box.file("dog_chow", "bone")
    options = (*CAT, "--permissive", yard(box), label(dog, "dog_chow_t"))
    outcome = box.shell(f"cat {dog} {dog} {dog}", *options)
    assert outcome.output == "bone" * 3
    assert [each.permissions for each in outcome.records] == [("read",), ("open",), ("getattr",)], (
        "once, until the cache is emptied"
    )
    assert all(each.permissive for each in outcome.records)


@pytest.mark.parametrize(
    ("script", "permission"),
    [
        ("echo more >> dog_chow", "append"),
        ("echo new > dog_chow", "write"),
        ("cat < dog_chow", "read"),
        ("rm dog_chow", "unlink"),
        ("mv dog_chow away", "rename"),
        ("ln dog_chow second", "link"),
        ("truncate -s 0 dog_chow", "write"),
        ("./dog_chow", "execute"),
    ],
)
def test_each_way_to_a_file_asks_its_permission(box: Box, script: str, permission: str) -> None:
    dog = box.file("dog_chow", "#!/bin/sh\necho barked\n", 0o777)
    outcome = box.shell(script, *CAT, yard(box), label(dog, "dog_chow_t"))
    assert outcome.status != 0
    assert "barked" not in outcome.output
    assert outcome.denied("file", permission), outcome.records
    assert dog.read_text() == "#!/bin/sh\necho barked\n"


@pytest.mark.parametrize(
    ("script", "bowl_type", "permission"),
    [
        ("echo x > bowl/new", "bowl_t", "write"),
        ("mkdir bowl/new", "bowl_t", "write"),
        ("ln -s x bowl/new", "bowl_t", "write"),
        ("mkfifo bowl/new", "bowl_t", "write"),
        ("ls bowl", "bowl_t", "read"),
        ("rmdir bowl", "bowl_t", "rmdir"),
        ("cat bowl/full", "dog_chow_t", "search"),
        ("cat link/full", "dog_chow_t", "search"),
        ("cat bowl/../policy.cil", "dog_chow_t", "search"),
    ],
)
def test_each_way_into_a_directory_asks_its_permission(box: Box, script: str, bowl_type: str, permission: str) -> None:
    bowl = box.directory / "bowl"
    bowl.mkdir(mode=0o777)
    bowl.chmod(0o777)
    (box.directory / "link").symlink_to("bowl")
    outcome = box.shell(script, *CAT, yard(box), label(bowl, bowl_type))
    assert outcome.status != 0
    assert outcome.denied("dir", permission), outcome.records
    assert not list(bowl.iterdir())


def test_a_new_file_takes_the_transition(box: Box) -> None:
    script = "echo a > toy; mkdir kennel; echo b > kennel/bone; cat toy kennel/bone; rm toy"
    outcome = box.shell(script, *CAT, yard(box))
    assert (outcome.output, outcome.records) == ("a\nb\n", ())
    readers = box.shell("cat kennel/bone", "--domain", "dog_t", yard(box))
    assert readers.output == "b\n", "labels live with the box: the next one sees the yard's again"


def test_what_has_lost_its_name_keeps_its_label_while_it_is_open(box: Box) -> None:
    # By its path alone it would be the yard's again, which a dog may read.
    script = "echo a > toy; exec 3< toy; rm toy; cat /proc/$$/fd/3; stat -Lc %C /proc/$$/fd/3"
    outcome = box.shell(script, *CAT, yard(box))
    assert outcome.output == f"a\n{LABEL.format('toy_t')}\n", outcome.errors


def test_a_label_store_outlives_the_box(box: Box) -> None:
    store = f"--label-store={box.directory / 'labels.db'}"
    assert box.shell("echo a > toy", *CAT, yard(box), store).status == 0
    outcome = box.shell("cat toy", "--domain", "dog_t", yard(box), store)
    assert (outcome.output, [each.tcontext for each in outcome.records]) == ("", [LABEL.format("toy_t")])


def test_what_moves_keeps_its_label(box: Box) -> None:
    bowl = box.directory / "bowl"
    bowl.mkdir()
    (bowl / "full").write_text("fish")
    os.chown(bowl, box.user or os.geteuid(), -1)
    outcome = box.shell("mv bowl dish; cat dish/full; exec 3< dish/full", *CAT, yard(box), label(bowl, "cat_chow_t"))
    assert (outcome.status, outcome.output, outcome.records) == (0, "fish", ())
    bowl = box.directory / "dish"
    bowl.rename(box.directory / "bowl")
    hidden = box.shell("mv bowl dish", "--permissive", *CAT, yard(box), label(box.directory / "bowl", "dog_chow_t"))
    assert hidden.denied("dir", "rename")


def test_exec_enters_the_domain_of_its_rule(box: Box) -> None:
    dog = box.file("dog", "#!/bin/sh\ncat /proc/self/attr/current; cat dog_chow cat_chow\n", 0o777)
    box.file("dog_chow", "bone")
    box.file("cat_chow", "fish")
    labels = [label(box.directory / name, f"{name}_t") for name in ("dog_chow", "cat_chow")]
    outcome = box.run(str(dog), options=(*CAT, yard(box), label(dog, "dog_exec_t"), *labels))
    # The first program is where it was told to be, whatever rule there is; what it starts follows the rules.
    assert outcome.output.rstrip("\0").startswith("system_u:system_r:cat_t:s0")
    outcome = box.shell("./dog", *CAT, yard(box), label(dog, "dog_exec_t"), *labels)
    assert "system_u:system_r:dog_t:s0" in outcome.output
    assert "bone" in outcome.output
    assert "fish" not in outcome.output
    assert {each.scontext for each in outcome.denied("file", "read")} == {"system_u:system_r:dog_t:s0"}


def test_what_another_domain_may_not_have_is_not_inherited(box: Box) -> None:
    dog = box.file("dog", "#!/bin/sh\ncat <&3; echo barked\n", 0o777)
    fish = box.file("cat_chow", "fish")
    labels = (yard(box), label(dog, "dog_exec_t"), label(fish, "cat_chow_t"))
    outcome = box.shell("exec 3< cat_chow; ./dog", *CAT, *labels)
    assert "fish" not in outcome.output
    assert outcome.denied("file", "read") or outcome.denied("fd", "use")


def test_an_inherited_pipe_needs_its_rule_in_another_domain(box: Box) -> None:
    bird = box.file("bird", "#!/bin/sh\necho sang\n", 0o777)
    outcome = box.shell("./bird; echo purred", *CAT, yard(box), label(bird, "bird_exec_t"))
    assert outcome.output == "purred\n"
    assert outcome.denied("fd", "use")


def test_signals_ask_the_receivers_label(box: Box) -> None:
    dog = box.file("dog", "#!/bin/sh\nsleep 5 & wait\n", 0o777)
    script = "./dog & sleep 0.3; kill -TERM $!; echo $?; kill -KILL $!; echo $?; kill -0 $!; echo $?"
    outcome = box.shell(script, *CAT, yard(box), label(dog, "dog_exec_t"))
    assert outcome.output == "1\n1\n1\n"
    for permission in ("signal", "sigkill", "signull"):
        assert [each.tcontext for each in outcome.denied("process", permission)] == ["system_u:system_r:dog_t:s0"]


def test_forks_are_never_broken_off_by_the_ends_of_earlier_children(box: Box) -> None:
    outcome = box.shell("for i in $(seq 300); do sleep 0.2 & done; wait; echo many")
    assert (outcome.status, outcome.output, outcome.errors) == (0, "many\n", "")


def test_a_domain_without_the_permission_cannot_fork(box: Box) -> None:
    box.policy.write_text(POLICY + "(type mule_t) (roletype system_r mule_t)")
    outcome = box.shell("/bin/true; /bin/true", "--domain", "mule_t", "--permissive")
    assert outcome.status == 0
    assert [each.scontext for each in outcome.denied("process", "fork")] == ["system_u:system_r:mule_t:s0"]


def test_a_context_in_which_nobody_may_fork_is_not_entered(box: Box) -> None:
    outcome = box.run("/bin/true", options=("--context", "system_u:object_r:toy_t:s0"))
    assert outcome.status == 1
    assert "error[first-program-denied]" in outcome.errors
    assert outcome.denied("process", "fork")[0].tcontext == "system_u:object_r:toy_t:s0"


def test_a_first_program_that_policy_denies_is_said_before_anything_ran(box: Box) -> None:
    box.policy.write_text(
        "(type bear_t) (call domain_type (bear_t)) (type cave_t) "
        "(call file_type (cave_t)) (typetransition kernel_t cave_t process bear_t)"
    )
    bear = box.file("bear", "#!/bin/sh\necho woke\n", 0o777)
    denied = box.run(str(bear), options=(label(bear, "cave_t"),))
    assert (denied.status, denied.output) == (1, "")
    assert "error[first-program-denied]: the policy denies the first program: file { entrypoint } of" in denied.errors
    assert "(allow bear_t cave_t (file (entrypoint)))" in denied.errors
    assert denied.denied("file", "entrypoint")
    permissive = box.run(str(bear), options=("--permissive", label(bear, "cave_t")))
    assert (permissive.status, permissive.output) == (0, "woke\n")


def test_a_program_that_cannot_be_run_is_said(box: Box) -> None:
    nothing = box.file("nothing", "\x7fELF and no more", 0o777)
    outcome = box.run(str(nothing))
    assert outcome.status == 1
    assert "error[program-not-run]: the program cannot be run: Exec format error" in outcome.errors


def test_what_is_outside_the_box_cannot_be_signalled(box: Box) -> None:
    with subprocess.Popen(["sleep", "60"], user=box.user) as outside:
        outcome = box.shell(f"kill {outside.pid}", *CAT)
        assert outcome.status == 1
        assert outside.poll() is None
        assert outcome.denied("process", "signal")[0].tcontext.split(":")[2] == "kernel_t"
        outside.kill()


def test_nothing_is_left_behind(box: Box) -> None:
    sleep = f"sleep 1234.{os.stat(box.directory).st_ino}"  # no other test's
    outcome = box.shell(f"setsid {sleep} & trap '' TERM; (trap '' TERM; exec {sleep}) & echo started", *CAT)
    assert outcome.output == "started\n"
    assert subprocess.run(["pgrep", "-fx", sleep], check=False, capture_output=True).stdout == b""


def test_two_boxes_do_not_disturb_each_other(box: Box) -> None:
    first = subprocess.Popen(
        [*box.arguments(*CAT), "/bin/sh", "-c", "echo $$; exec sleep 1000"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert first.stdout is not None
    pid = first.stdout.readline().strip()
    other = Box(box.directory, POLICY, box.user)
    outcome = other.shell(f"kill -0 {pid}", *CAT)
    assert outcome.denied("process", "signull")[0].tcontext.split(":")[2] == "kernel_t", (
        "to one box the other is outside"
    )
    first.terminate()
    assert first.wait(PATIENCE) == 128 + signal.SIGTERM
    first.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_selbox_reaches_the_program(box: Box, number: signal.Signals) -> None:
    script = f"trap 'echo caught; exit 5' {number.name[3:]}; echo ready; while :; do sleep 0.05; done"
    running = subprocess.Popen(
        [*box.arguments(*CAT), "/bin/sh", "-c", script], stdout=subprocess.PIPE, text=True, env=environment()
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    pid = int(
        subprocess.run(["pgrep", "-fn", f"selbox run --policy {box.policy}"], check=True, capture_output=True).stdout
    )
    os.kill(pid if box.user is not None else running.pid, number)
    assert running.stdout.readline() == "caught\n"
    assert running.wait(PATIENCE) == 5
    running.stdout.close()


IGNORED = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
BY_PYTHON = {signal.SIGPIPE, signal.SIGXFSZ}
"""What Python ignores itself; whoever runs ``selbox`` cannot be told from it."""


@pytest.mark.parametrize("ignored", [set(), {signal.SIGCHLD}, {signal.SIGINT, signal.SIGUSR2}, IGNORED - BY_PYTHON])
def test_the_program_begins_with_the_signals_of_who_starts_selbox(box: Box, ignored: set[signal.Signals]) -> None:
    def start() -> None:
        for each in BY_PYTHON:
            signal.signal(each, signal.SIG_DFL)
        for each in ignored:
            signal.signal(each, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, ignored)

    def signals(*before: str) -> list[str]:
        command = [*before, "/bin/cat", "/proc/self/status"]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=environment(),
            timeout=60,
            preexec_fn=start,
            restore_signals=False,
        )
        assert done.returncode == 0, done.stderr
        return [line for line in done.stdout.splitlines() if line.startswith(("SigBlk", "SigIgn", "SigCgt"))]

    assert signals(*box.arguments(*CAT)) == signals()


def test_the_supervisors_death_fails_closed(box: Box) -> None:
    secret = box.file("cat_chow", "fish")
    script = "echo $$; trap '' HUP; while :; do cat cat_chow || exit 9; sleep 0.05; done > log 2>&1"
    log = box.file("log")
    running = subprocess.Popen(
        [*box.arguments(*CAT, yard(box)), "/bin/sh", "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=box.directory,
    )
    assert running.stdout is not None
    pid = int(running.stdout.readline())
    wait_for(lambda: "fish" in log.read_text())
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    wait_for(lambda: not Path(f"/proc/{pid}").exists() or _is_zombie(pid))
    secret.write_text("caviar")
    time.sleep(0.3)
    assert "caviar" not in log.read_text()
    running.stdout.close()


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_no_new_privileges_of_selbox_do_not_count(box: Box) -> None:
    dog = box.file("dog", "#!/bin/sh\ncat /proc/self/attr/current\n", 0o777)
    labels = (yard(box), label(dog, "dog_exec_t"))
    assert "dog_t" in box.shell("./dog 2>&1 | cat", *CAT, "--permissive", *labels).output
    promised = box.shell("setpriv --no-new-privs ./dog | cat", *CAT, *labels)
    assert "cat_t" in promised.output, "a program that promised to gain nothing stays in its domain"
    assert promised.denied("process2", "nnp_transition")
    twice = "setpriv --no-new-privs ./dog; setpriv --no-new-privs ./dog"
    permissive = box.shell(twice, *CAT, "--permissive", *labels)
    assert permissive.output.count("dog_t") == 2
    assert len(permissive.denied("process2", "nnp_transition")) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--domain", "fish_t"), "unknown-domain"),
        (("--domain", "system_u:system_r:cat_t:s0"), "a whole context is given by --context"),
        (("--context", "cat_t"), "write `system_u:system_r:cat_t:s0`"),
        (("--from", "cat_t"), "write `system_u:system_r:cat_t:s0`"),
        (("--label", "/=toy_t"), "write `system_u:object_r:toy_t:s0`"),
        (("--context", "system_u:system_r:fish_t:s0"), "invalid-context"),
        (("--context", "nonsense"), "invalid-context"),
        (("--label", "nowhere=system_u:object_r:toy_t:s0"), "label-missing-file"),
        (("--label", "/=system_u:object_r:fish_t:s0"), "invalid-context"),
        (("--policy", "nowhere.cil"), "file-unreadable"),
        (("--audit", "/nowhere/audit.log"), "audit-unwritable"),
        (("--no-base",), "cil-unknown"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_starts(box: Box, options: tuple[str, ...], words: str) -> None:
    outcome = box.run("/bin/sh", "-c", "echo started > mark", options=options)
    assert outcome.status == 1
    assert words in outcome.errors
    assert "Traceback" not in outcome.errors
    assert not (box.directory / "mark").exists()


def test_a_missing_program_is_said(box: Box) -> None:
    outcome = box.run("no-such-program")
    assert outcome.status == 1
    assert "there is no program `no-such-program` on PATH" in outcome.errors


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives up root")
def test_who_gave_up_root_is_served_though_it_cannot_read_what_serves_it(box: Box) -> None:
    # What handlers import when first needed may lie where the program's new identity may not look.
    if box.user is not None:
        pytest.skip("nobody has no root to give up")
    script = "id -u; stat -c %C /etc/hostname; cat /proc/self/attr/current | tr -d '\\0'; kill -0 1; cat cat_chow"
    fish = box.file("cat_chow", "fish", 0o600)
    drop = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    outcome = box.run(*drop, "/bin/sh", "-c", script, options=(yard(box),))
    assert "selbox" not in outcome.errors
    assert outcome.output.split() == [
        "65534",
        "system_u:object_r:etc_t:s0",
        "system_u:system_r:kernel_t:s0-s15:c0.c1023",
    ]
    assert "cat_chow: Permission denied" in outcome.errors
    assert fish.read_text() == "fish"
