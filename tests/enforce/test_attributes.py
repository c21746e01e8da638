"""Labels as programs read and set them: `ls -Z`, `stat`, `find`, `chcon`, and extended attributes beside them."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.enforce.boxes import Box, environment
from tests.enforce.clients import PYTHON, USERS, make_box, needs, needs_python

pytestmark = pytest.mark.enforcement

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type food_t) (call file_type (food_t))
(type toy_t) (call file_type (toy_t))
(type vault_t) (call file_type (vault_t))
(call manage_files (cat_t food_t))
(call manage_files (cat_t toy_t))
(allow cat_t food_t (file (relabelfrom)))
(allow cat_t food_t (dir (relabelfrom)))
(allow cat_t food_t (lnk_file (relabelfrom)))
(allow cat_t toy_t (file (relabelto)))
(allow cat_t toy_t (lnk_file (relabelto)))
(allow cat_t vault_t (dir (relabelto getattr)))
(allow cat_t vault_t (file (relabelto)))
(allow cat_t self (tcp_socket (create getattr)))
(allow cat_t self (udp_socket (create getattr)))
"""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root holds capabilities")
CAT = ("--domain", "cat_t")
FOOD, TOY, VAULT = (f"system_u:object_r:{name}:s0" for name in ("food_t", "toy_t", "vault_t"))


@pytest.fixture(params=USERS)
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Box:
    return make_box(tmp_path_factory, POLICY, request.param)


def run(box: Box, script: str) -> list[str]:
    """Run a script in the directory, whose files are food, and return the lines of what it wrote."""
    outcome = box.shell(f"exec 2>&1; {script}", *CAT, f"--label={box.directory}={FOOD}")
    return [line.strip() for line in outcome.output.splitlines()]


@needs("ls", "stat", "find")
def test_programs_show_the_labels_that_policy_gives(box: Box) -> None:
    box.file("kibble")
    assert run(box, "ls -Z kibble; ls -Zd /etc; stat -c %C /etc/passwd; find kibble -printf '%Z\\n'") == [
        f"{FOOD} kibble",
        "system_u:object_r:etc_t:s0 /etc",
        "system_u:object_r:etc_t:s0",
        FOOD,
    ]


@needs("ls", "chcon")
def test_a_relabelled_file_keeps_its_new_label(box: Box) -> None:
    assert run(box, ": > mouse; chcon -t toy_t mouse; ls -Z mouse; mv mouse rat; ls -Z rat") == [
        f"{TOY} mouse",
        f"{TOY} rat",
    ]


@needs("chcon")
def test_the_box_labels_leave_the_file_itself_alone(box: Box) -> None:
    run(box, ": > mouse; chcon -t toy_t mouse")
    assert "security.selinux" not in os.listxattr(box.directory / "mouse")


@needs("chcon")
def test_a_context_that_the_policy_does_not_know_is_refused(box: Box) -> None:
    lines = run(box, ": > mouse; chcon -t nosuch_t mouse")
    assert lines == ["chcon: failed to change context of 'mouse' to 'system_u:object_r:nosuch_t:s0': Invalid argument"]


@needs("chcon", "stat", "mkdir")
@needs_root
def test_who_administers_labels_sets_and_sees_contexts_that_the_policy_does_not_know(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    may = """
        (allow cat_t self (capability2 (mac_admin))) (allow cat_t self (process (setfscreate setexec)))
        (type dog_t) (call domain_type (dog_t)) (call choose_domain (cat_t dog_t)) (call manage_files (dog_t food_t))
        (typeattributeset label_administrator (cat_t dog_t)) (typeattributeset mls_trusted_object unlabeled_t)
        (typeattributeset mls_changes_level cat_t)
        (allow label_administrator unlabeled_t (file (getattr relabelto)))
        (allow label_administrator unlabeled_t (dir (getattr create)))
    """
    box = make_box(tmp_path_factory, POLICY + may, None)
    box.file("unknown")
    lines = run(
        box,
        """
        chcon -t nosuch_t unknown; stat -c %C unknown; runcon -t dog_t stat -c %C unknown
        mkdir --context=system_u:object_r:nosuch_t:s0 cave; stat -c %C cave; runcon -t dog_t stat -c %C cave
        runcon -t dog_t chcon -t nosuch_t cave 2>/dev/null || echo refused
        """,
    )
    seen = ["system_u:object_r:nosuch_t:s0", "system_u:object_r:unlabeled_t:s15:c0.c1023"]
    assert lines == [*seen, *seen, "refused"]


@needs("chcon", "ls", "unshare")
@needs_root
def test_files_of_an_overlay_over_two_file_systems_take_labels(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Their device numbers are those of no mount."""
    box = make_box(tmp_path_factory, POLICY, None)
    box.file("kibble")
    beneath = box.directory
    script = "cd /srv/r; : > mouse; chcon -t toy_t kibble mouse && ls -Z kibble mouse"
    command = [*box.arguments("--domain", "cat_t", f"--label=/srv/r={FOOD}"), "/bin/sh", "-c", script]
    mounts = f"""
        mount -t tmpfs none /srv; mkdir /srv/u /srv/w /srv/r
        mount -t overlay none -o lowerdir={beneath},upperdir=/srv/u,workdir=/srv/w /srv/r; exec "$@"
    """
    own = ["unshare", "--mount", "sh", "-ec", mounts, "sh"]
    done = subprocess.run([*own, *command], capture_output=True, text=True, check=False, env=environment())
    if "mount: " in done.stderr:
        pytest.skip(f"no overlay here: {done.stderr.strip()}")
    assert done.stdout.splitlines() == [f"{TOY} kibble", f"{TOY} mouse"], done.stderr


@needs("chcon", "ls")
@needs_root
def test_files_of_a_new_control_group_have_its_label(tmp_path_factory: pytest.TempPathFactory) -> None:
    roots = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
    root = next((each for each in roots if (each / "cgroup.procs").exists()), None)
    if root is None:
        pytest.skip("no control groups here")
    group = root / f"selbox-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"control groups cannot be made here: {error}")
    may = """
        (call manage_files (cat_t cgroup_t)) (allow cat_t cgroup_t (dir (relabelfrom)))
        (call manage_files (cat_t vault_t)) (allow vault_t cgroup_t (filesystem (associate)))
    """
    try:
        made = group / "kennel"
        shown = f"{made} {made}/cgroup.procs {group}/cgroup.procs"
        box = make_box(tmp_path_factory, POLICY + may, None)
        lines = run(box, f"chcon -t vault_t {group}; mkdir {made}; stat -c %C {shown}")
        assert [line.split(":")[2] for line in lines] == ["vault_t", "vault_t", "cgroup_t"]
    finally:
        for each in (group / "kennel", group):
            if each.exists():
                each.rmdir()


@needs("chcon")
def test_a_new_label_takes_relabelto(box: Box) -> None:
    outcome = box.shell(": > mouse; chcon -t etc_t mouse", *CAT, f"--label={box.directory}={FOOD}")
    assert outcome.status == 1
    assert {each.tcontext for each in outcome.denied("file", "relabelto")} == {"system_u:object_r:etc_t:s0"}


@needs("chcon")
def test_relabelling_takes_relabelfrom_on_the_old_label(box: Box) -> None:
    outcome = box.shell(
        ": > mouse; chcon -t toy_t mouse; chcon -t food_t mouse", *CAT, f"--label={box.directory}={FOOD}"
    )
    assert {each.tcontext for each in outcome.denied("file", "relabelfrom")} == {TOY}


@needs("chcon", "ls")
def test_only_the_owner_relabels(box: Box) -> None:
    if box.user is None:
        pytest.skip("root may relabel what others own")
    box.file("bowl")
    assert "Operation not permitted" in run(box, "chcon -t toy_t bowl")[0]


@needs("chcon", "cat", "mkdir")
def test_a_relabelled_directory_is_closed_at_once(box: Box) -> None:
    lines = run(box, "mkdir cave; echo bone > cave/bone; cat cave/bone; chcon -t vault_t cave; cat cave/bone")
    assert lines[0] == "bone"
    assert "Permission denied" in lines[1]


@needs("chcon", "ls", "ln")
def test_a_link_has_a_label_of_its_own(box: Box) -> None:
    lines = run(box, ": > mouse; ln -s mouse link; chcon -h -t toy_t link; ls -Z link mouse; ls -LZ link")
    assert lines == [f"{TOY} link", f"{FOOD} mouse", f"{FOOD} link"]


@needs_python
def test_attributes_answer_as_the_kernel_does(box: Box) -> None:
    script = box.file(
        "script.py",
        """
import os
import subprocess
def attempt(call, *arguments):
    try:
        print(call(*arguments))
    except OSError as error:
        print(error.errno)
name = "security.selinux"
open("mouse", "w").close()
attempt(os.getxattr, "mouse", name)
attempt(os.setxattr, "mouse", name, b"system_u:object_r:toy_t:s0", os.XATTR_CREATE)
attempt(os.setxattr, "mouse", name, b"system_u:object_r:toy_t:s0", os.XATTR_REPLACE)
with open("mouse") as mouse:
    attempt(os.getxattr, mouse.fileno(), name)
attempt(os.removexattr, "mouse", name)
attempt(os.setxattr, "mouse", "user.squeak", b"loud")
attempt(os.getxattr, "mouse", "user.squeak")
attempt(os.removexattr, "mouse", "user.squeak")
attempt(os.getxattr, "mouse", "user.squeak")
attempt(os.getxattr, "nothing", name)
attempt(os.setxattr, "/proc/self/comm", name, b"system_u:object_r:toy_t:s0")
""",
    )
    lines = run(box, f"{PYTHON} {script.name}")
    if lines[5] == "95":
        pytest.skip("the file system of the temporary directory has no user attributes")
    assert lines == [
        repr(FOOD.encode() + b"\0"),
        "17",  # EEXIST
        "None",
        repr(TOY.encode() + b"\0"),
        "13",  # EACCES
        "None",
        "b'loud'",
        "None",
        "61",  # ENODATA
        "2",  # ENOENT
        "95",  # EOPNOTSUPP
    ]


OF_SOCKETS = """
import os
import socket
for made in (*socket.socketpair(), socket.socket(), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)):
    for target in made.fileno(), f"/proc/self/fd/{made.fileno()}":
        for name in "system.sockprotoname", "system.posix_acl_access", "security.capability", "user.squeak":
            try:
                print(os.getxattr(target, name))
            except OSError as error:
                print(error.errno)
"""


@needs_python
def test_sockets_tell_their_protocol_as_without_a_box(box: Box) -> None:
    assert PYTHON is not None
    script = box.file("script.py", OF_SOCKETS)
    plain = subprocess.run([PYTHON, script], check=True, capture_output=True, text=True)
    lines = run(box, f"{PYTHON} {script.name}")
    assert lines == plain.stdout.splitlines()
    assert len(lines) == 32
