"""Mounting in a box: policy decides, labels are those of a kernel with SELinux, and the host sees nothing of it."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.enforce.boxes import Box, environment
from tests.patience import PATIENCE

pytestmark = [
    pytest.mark.enforcement,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts"),
    pytest.mark.skipif(shutil.which("unshare") is None, reason="there is no unshare to try it with"),
    pytest.mark.skipif(
        shutil.which("unshare") is not None and os.system("unshare -m mount -t tmpfs none /mnt 2>/dev/null") != 0,  # noqa: S605
        reason="nothing may be mounted here",
    ),
]

POLICY = """
(type cat_t) (call domain_type (cat_t)) (roletype system_r cat_t)
(type basket_t) (call file_type (basket_t))
(type secret_food_t) (call file_type (secret_food_t))
(type soft_t) (call file_type (soft_t))
(type hard_t)
(typeattributeset filesystem_type (hard_t))
(call manage_files (cat_t basket_t))
(call manage_files (cat_t tmpfs_t))
(allow cat_t self (capability (sys_admin)))
(allow cat_t basket_t (dir (mounton)))
(allow cat_t tmpfs_t (filesystem (mount unmount remount getattr)))
(allow cat_t fs_t (filesystem (unmount)))
(allow cat_t cat_t (filesystem (associate)))
"""

CAT = ("--domain", "cat_t")


@pytest.fixture
def box(tmp_path: Path) -> Box:
    made = Box(tmp_path, POLICY)
    for name in ("place", "other", "origin"):
        (tmp_path / name).mkdir()
    (tmp_path / "origin" / "secret").write_text("milk")
    return made


def labelled(box: Box) -> tuple[str, ...]:
    """Return options that label the directory: all of it baskets, but for one secret."""
    context = "system_u:object_r:{}:s0"
    return (
        *("--label", f"{box.directory}={context.format('basket_t')}"),
        *("--label", f"{box.directory}/origin/secret={context.format('secret_food_t')}"),
    )


def test_policy_decides_what_is_mounted(box: Box) -> None:
    outcome = box.shell(
        """
        mount -t tmpfs none place && echo memory
        touch place/file && stat -c %C place place/file
        mount -o remount,ro none place && echo changed
        touch place/more || echo read-only
        umount place && echo unmounted
        mount -t proc none place 2>/dev/null || echo no processes
        mount -t tmpfs none /run 2>/dev/null || echo not there
        """,
        *CAT,
        *labelled(box),
    )
    assert outcome.output.splitlines() == [
        "memory",
        *["system_u:object_r:tmpfs_t:s0"] * 2,
        "changed",
        "read-only",
        *("unmounted", "no processes", "not there"),
    ], outcome.errors
    assert [each.tcontext.split(":")[2] for each in outcome.denied("filesystem", "mount")] == ["proc_t"] * 2
    assert [each.tcontext.split(":")[2] for each in outcome.denied("dir", "mounton")] == ["run_t"] * 2
    assert str(box.directory) not in Path("/proc/mounts").read_text()


def test_a_second_path_is_no_second_label(box: Box) -> None:
    outcome = box.shell(
        """
        mount --bind origin place && cat place/secret
        mkdir other/deep && mount --bind . other/deep && cat other/deep/origin/secret
        umount other/deep; mount --move place other; cat other/secret
        """,
        *CAT,
        *labelled(box),
    )
    assert "milk" not in outcome.output
    # Where the host has a table of mounts, mount(8) tries to read that, too.
    targets = [each.tcontext for each in outcome.denied("file", "read") if "run_t" not in each.tcontext]
    assert targets == ["system_u:object_r:secret_food_t:s0"] * 3, outcome.errors


def test_labels_of_options_are_those_of_all_files(box: Box) -> None:
    rules = """
    (allow cat_t tmpfs_t (filesystem (relabelfrom)))
    (allow cat_t soft_t (filesystem (relabelfrom relabelto mount unmount getattr)))
    (call manage_files (cat_t soft_t))
    (allow cat_t soft_t (file (relabelfrom relabelto)))
    """
    box.policy.write_text(POLICY + rules)
    outcome = box.shell(
        """
        mount -t tmpfs -o size=1m,context=system_u:object_r:soft_t:s0 none place
        touch place/file && stat -c %C place place/file
        chcon -t basket_t place/file 2>&1 | grep -o 'not supported'
        grep -o 'context=[^ ,]*' /proc/mounts; grep -c 'place tmpfs .*seclabel' /proc/mounts
        umount place
        mount -t tmpfs -o context=system_u:object_r:nothing_t:s0 none place 2>/dev/null || echo unknown
        mount -t tmpfs -o context=system_u:object_r:hard_t:s0 none place 2>/dev/null || echo denied
        mount -t tmpfs -o defcontext=system_u:object_r:soft_t:s0 none place 2>/dev/null || echo no attributes
        mount -t tmpfs -o rootcontext=system_u:object_r:soft_t:s0 none place && touch place/file
        stat -c %C place place/file
        """,
        *CAT,
        *labelled(box),
    )
    soft = "system_u:object_r:soft_t:s0"
    assert outcome.output.splitlines() == [
        *(soft, soft, "not supported", f"context={soft}", "0"),
        *("unknown", "denied", "no attributes", soft, soft),
    ], outcome.errors
    assert outcome.denied("filesystem", "relabelto")[0].tcontext == "system_u:object_r:hard_t:s0"


def test_what_is_mounted_on_a_device_number_anew_has_no_old_labels(box: Box) -> None:
    outcome = box.shell(
        """
        for label in soft_t secret_food_t; do
            mount -t tmpfs none place && touch place/file && stat -c '%i %C' place/file
            chcon -t $label place place/file && umount place
        done
        """,
        *labelled(box),
    )
    lines = outcome.output.splitlines()
    assert lines[0] == lines[1]  # the same number of an inode, and the label of a new file


def test_what_the_supervisor_stands_on_stays(box: Box) -> None:
    outcome = box.shell(
        f"""
        for place in / /proc /proc/self /usr /usr/lib {os.path.dirname(os.__file__)}; do
            mount -t tmpfs none $place 2>/dev/null && echo $place was covered
        done
        umount /proc 2>/dev/null || umount -l /proc 2>/dev/null || echo kept
        mount --bind / place && mount -t tmpfs none place/proc && mount -t tmpfs none place/usr/lib && echo elsewhere
        """
    )
    assert outcome.output == "kept\nelsewhere\n"


def test_an_ordinary_user_mounts_nothing() -> None:
    with TemporaryDirectory() as directory:  # those of pytest are closed to others
        box = Box(Path(directory), POLICY, user=65534)
        (box.directory / "place").mkdir()
        outcome = box.shell("mount -t tmpfs none place 2>&1 || umount /proc 2>&1 || echo neither")
    assert outcome.output.splitlines()[-1:] == ["neither"], outcome.errors


def test_a_disk_keeps_its_labels(box: Box) -> None:
    if shutil.which("mkfs.ext4") is None or not os.path.exists("/dev/loop-control"):
        pytest.skip("there is no mkfs.ext4, or no loop device")
    outcome = box.shell(
        """
        dd if=/dev/zero of=disk bs=1M count=2 2>/dev/null && mkfs.ext4 -q disk
        mount -o loop disk place || { echo none; exit; }
        touch place/kept place/plain && chcon -t soft_t place/kept && umount place
        mount -o loop,defcontext=system_u:object_r:secret_food_t:s0 disk place
        stat -c %C place/kept place/plain place/lost+found && umount place
        """,
        *labelled(box),
    )
    if outcome.output == "none\n":
        pytest.skip("no loop device is free")
    labels = [line.split(":")[2] for line in outcome.output.splitlines()]
    assert labels == ["soft_t", "file_t", "secret_food_t"], outcome.errors


QUOTAS = """
import ctypes, errno, sys
library = ctypes.CDLL(None, use_errno=True)
value = ctypes.create_string_buffer(128)
for command, number in (("sync", 0x800001), ("format", 0x800004), ("own", 0x800007), ("set", 0x800008)):
    failed = library.quotactl(number << 8, sys.argv[1].encode(), 0, value)
    print(command, errno.errorcode[ctypes.get_errno()] if failed else "done")
"""


def test_policy_decides_about_quotas(box: Box) -> None:
    if shutil.which("mkfs.ext4") is None or not os.path.exists("/dev/loop-control"):
        pytest.skip("there is no mkfs.ext4, or no loop device")
    box.policy.write_text(POLICY + "(allow cat_t fs_t (filesystem (quotaget)))")
    box.file("quotas.py", QUOTAS)
    outcome = box.shell(
        """
        dd if=/dev/zero of=disk bs=1M count=2 2>/dev/null && mkfs.ext4 -q disk
        mount -o loop disk place || { echo none; exit; }
        device=$(grep -o '^/dev/loop[0-9]*' /proc/mounts)
        python3 quotas.py $device && runcon -t cat_t python3 quotas.py $device && python3 quotas.py /dev/null
        umount place
        """,
        *labelled(box),
    )
    if outcome.output == "none\n":
        pytest.skip("no loop device is free")
    mine, cats, nobodys = (outcome.output.splitlines()[begin : begin + 4] for begin in (0, 4, 8))
    if mine[0] == "sync ENOSYS":
        pytest.skip("this kernel has no quotas")
    assert mine == ["sync done", "format ESRCH", "own ESRCH", "set ESRCH"], outcome.errors
    assert cats == ["sync EACCES", "format ESRCH", "own ESRCH", "set EACCES"]
    assert nobodys == [f"{each} ENOTBLK" for each in ("sync", "format", "own", "set")]
    assert len(outcome.denied("filesystem", "quotamod")) == 2


NEWER = """
import ctypes, errno, os
library = ctypes.CDLL(None, use_errno=True)
library.syscall.restype = ctypes.c_long
HERE = -100

def call(number, *arguments):
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = library.syscall(ctypes.c_long(number), *words)
    return result if result >= 0 else errno.errorcode[ctypes.get_errno()]

def opened(*options):
    context = call(430, b"tmpfs", 1)
    for name, value in options:
        answer = call(431, context, 1, name, value, 0)
        if answer:
            return answer
    return context

def mounted(context, place):
    created = call(431, context, 6, None, None, 0)
    return created or call(429, call(432, context, 1, 2), b"", HERE, place, 4)

def label(path):
    return os.getxattr(path, "security.selinux").rstrip(b"\\0").decode().split(":")[2]
"""


def test_the_newer_way_is_decided_alike(box: Box) -> None:
    rules = """
    (allow cat_t tmpfs_t (filesystem (relabelfrom)))
    (call manage_files (cat_t soft_t))
    """
    box.policy.write_text(POLICY + rules)
    box.file(
        "newer.py",
        NEWER
        + """
print(mounted(opened((b"size", b"1m")), b"place"), label("place"), call(166, b"place", 2))
print(opened((b"nonsense", b"1")), opened((b"rootcontext", b"u:r:t:s0")))
soft = (b"rootcontext", b"system_u:object_r:soft_t:s0")
print(mounted(opened(soft), b"place"), label("place"), call(166, b"place", 2))
print(mounted(opened((b"context", b"system_u:object_r:hard_t:s0")), b"place"), mounted(opened(), b"/run"))
copy = call(428, HERE, b"origin", 1)
try:
    os.close(os.open("secret", os.O_RDONLY, dir_fd=copy))
except OSError as error:
    print(errno.errorcode[error.errno])
print(call(429, copy, b"", HERE, b"place", 4))
try:
    open("place/secret")
except OSError as error:
    print(errno.errorcode[error.errno])
print(call(429, HERE, b"/proc", HERE, b"other", 0), call(155, b"place", b"place"))
""",
    )
    outcome = box.run("python3", "newer.py", options=(*CAT, *labelled(box)))
    assert outcome.output.splitlines() == [
        "0 tmpfs_t 0",
        "EINVAL EINVAL",
        "0 soft_t 0",
        "EACCES EACCES",
        "EACCES",
        *("0", "EACCES"),
        "EBUSY EPERM",
    ], outcome.errors
    assert outcome.denied("file", "read")[-1].tcontext == "system_u:object_r:secret_food_t:s0"


def test_programs_have_namespaces_of_their_own(box: Box) -> None:
    outcome = box.shell(
        """
        unshare -m sh -c '
            mount -t proc none /proc && stat -c %C /proc/sys /proc/self/mem | cut -d: -f3
            mount -t tmpfs none place && mkdir place/old place/etc && stat -c %C place
            mount --rbind /usr place/old && umount place/old && mount --bind origin place/etc
            stat -c %C place/etc/secret
            mkdir place/proc; mount -t proc none place/proc
            for each in usr bin lib lib64; do mkdir place/$each; mount --rbind /$each place/$each; done
            cd place && pivot_root . old && cd / && umount -l old && stat -c %C /etc/secret && ls /old
        ' || echo failed
        grep -c place /proc/mounts
        pivot_root place other 2>/dev/null || echo not here
        """,
        *labelled(box),
    )
    tmpfs, secret = (f"system_u:object_r:{each}:s0" for each in ("tmpfs_t", "secret_food_t"))
    lines = outcome.output.splitlines()
    assert lines[0] == "sysctl_t", outcome.errors
    assert lines[1].endswith("_t")
    assert lines[1] != "proc_t"
    assert lines[2:] == [tmpfs, secret, secret, "0", "not here"], outcome.errors


CONFINED = """
(allow cat_t self (user_namespace (create)))
(allow cat_t self (cap_userns (sys_admin)))
(allow cat_t root_t (dir (mounton)))
"""


def test_memory_and_second_paths_are_mounted_in_user_namespaces(box: Box) -> None:
    box.policy.write_text(POLICY + CONFINED)
    outcome = box.shell(
        """
        mount --bind origin other; mount -t tmpfs none place -o ro; cat > inside <<'end'
            umount place 2>/dev/null || echo locked; mount -o remount,rw,bind place 2>/dev/null || echo still read-only
            umount -f place 2>/dev/null || echo not by force; mount --bind . /mnt 2>/dev/null || echo not there
            mount -t tmpfs none other -o size=1M,uid=0,mode=0700 && touch other/new
            stat -c '%C %U %a' other other/new
            grep -o ' [^ ]*nodev[^ ]* ' /proc/self/mountinfo | tail -1 | cut -d, -f1,2
            mount -o remount,size=9G other 2>/dev/null || echo no more
            umount other && mount --bind origin/secret origin/food; cat origin/food
            for kind in proc sysfs mqueue overlay ext4; do mount -t $kind none other 2>/dev/null && echo $kind; done
            for option in noswap usrquota huge=always uid=7; do
                mount -t tmpfs none other -o $option 2>/dev/null && echo $option
            done
end
        touch origin/food; unshare -Urm sh inside; grep -c other/ /proc/mounts
        """,
        *CAT,
        *labelled(box),
    )
    tmpfs = "system_u:object_r:tmpfs_t:s0"
    lines = ["locked", "still read-only", "not by force", "not there", f"{tmpfs} root 700", f"{tmpfs} root 644"]
    assert outcome.output.splitlines() == [*lines, " rw,nodev", "no more", "0"], outcome.errors
    assert [each.tcontext for each in outcome.denied("file", "mounton")] == ["system_u:object_r:basket_t:s0"]


@pytest.mark.parametrize(
    ("rule", "object_class", "permission"),
    [
        ("(allow cat_t self (cap_userns (sys_admin)))", "cap_userns", "sys_admin"),
        ("(allow cat_t basket_t (dir (mounton)))", "dir", "mounton"),
        ("(allow cat_t tmpfs_t (filesystem (mount unmount remount getattr)))", "filesystem", "mount"),
    ],
)
def test_policy_decides_in_user_namespaces(box: Box, rule: str, object_class: str, permission: str) -> None:
    box.policy.write_text((POLICY + CONFINED).replace(rule, ""))
    outcome = box.shell("unshare -Urm mount -t tmpfs none place && echo mounted", *CAT, *labelled(box))
    assert outcome.output == ""
    assert outcome.denied(object_class, permission), outcome.errors


def test_what_others_mount_has_no_labels_of_what_was_there_before(box: Box) -> None:
    inside = """
        wait_for() { while [ ! -e $1 ]; do sleep 0.02; done; }
        wait_for mounted && chcon -t soft_t place place/file && stat -c %C place/file && touch labelled
        wait_for again && stat -c %C place/file
    """
    command = shlex.join([*box.arguments(*labelled(box)), "/bin/sh", "-c", inside])
    outside = f"""
        mount --make-rshared /
        {command} &
        mount -t tmpfs none place && touch place/file mounted
        while [ ! -e labelled ]; do sleep 0.02; done
        umount place && mount -t tmpfs none place && touch place/file again
        wait
    """
    result = subprocess.run(
        ["unshare", "-m", "--propagation", "unchanged", "/bin/sh", "-c", outside],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        cwd=box.directory,
        env=environment(),
    )
    labels = [line.split(":")[2] for line in result.stdout.splitlines()]
    assert labels == ["soft_t", "basket_t"], result.stderr
