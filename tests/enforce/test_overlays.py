"""Overlays in a box: files have the labels of those beneath, and the mounter is asked about these."""

from pathlib import Path

import pytest

from tests.enforce.boxes import Box
from tests.enforce.test_mounts import pytestmark as mounting_here

pytestmark = [
    *mounting_here,
    pytest.mark.skipif("overlay" not in Path("/proc/filesystems").read_text(), reason="the kernel has no overlays"),
]

POLICY = """
(type cat_t) (call domain_type (cat_t)) (roletype system_r cat_t)
(type dog_t) (call domain_type (dog_t)) (roletype system_r dog_t)
(type basket_t) (call file_type (basket_t))
(type lower_t) (call file_type (lower_t))
(type fish_t) (call file_type (fish_t))
(type cream_t) (call file_type (cream_t))
(type shown_t) (call file_type (shown_t))
(typeattribute food)
(typeattributeset food (basket_t lower_t fish_t shown_t))
(call manage_files (cat_t food))
(call manage_files (dog_t food))
(allow cat_t self (capability (sys_admin)))
(allow cat_t basket_t (dir (mounton)))
(allow cat_t food (file (setattr)))
(allow cat_t basket_t (chr_file (create getattr link unlink rename)))
(allow cat_t fs_t (filesystem (mount unmount getattr relabelfrom)))
(allow cat_t shown_t (filesystem (mount unmount getattr relabelfrom relabelto)))
(allow food shown_t (filesystem (associate)))
(allow cat_t cream_t (file (getattr)))
(allow dog_t cream_t (file (getattr)))
(allow cat_t food (file (relabelfrom relabelto)))
(allow cat_t tmpfs_t (filesystem (mount unmount relabelfrom)))
(allow food tmpfs_t (filesystem (associate)))
(call choose_domain (cat_t dog_t))
(call inherit_from (dog_t cat_t))
(allow dog_t bin_t (file (entrypoint)))
"""
CAT = ("--domain", "cat_t")
MOUNT = "mount -t overlay none -o lowerdir=lower,upperdir=upper,workdir=work merged"


@pytest.fixture
def box(tmp_path: Path) -> Box:
    made = Box(tmp_path, POLICY)
    for name in ("lower", "upper", "work", "merged"):
        (tmp_path / name).mkdir()
    (tmp_path / "lower/deep/er").mkdir(parents=True)
    for name in ("fish", "secret", "other", "deep/fish", "deep/er/fish"):
        (tmp_path / "lower" / name).write_text("milk\n")
    return made


def labelled(box: Box) -> tuple[str, ...]:
    """Return options that label the directories."""
    types = {"": "basket", "/lower": "lower", "/lower/fish": "fish", "/lower/secret": "cream"}
    types |= {"/lower/deep/fish": "fish", "/lower/deep/er/fish": "fish"}
    return tuple(
        word
        for path, name in types.items()
        for word in ("--label", f"{box.directory}{path}=system_u:object_r:{name}_t:s0")
    )


def types_of(output: str) -> list[str]:
    """Return the types of contexts that were printed, and all other lines as they are."""
    return [line.split(":")[2] if line.count(":") > 2 else line for line in output.splitlines()]


@pytest.mark.parametrize("place", ["there", "elsewhere"])
def test_labels_are_those_beneath_and_come_along_when_files_are_copied_up(box: Box, place: str) -> None:
    label = "rootcontext=system_u:object_r:basket_t:s0"
    elsewhere = f"mount -t tmpfs none upper -o {label}; mkdir upper/u upper/w; U=upper/u W=upper/w"
    outcome = box.shell(
        f"""
        U=upper W=work
        [ {place} = there ] || {{ {elsewhere}; }}
        mount -t overlay none -o lowerdir=lower,upperdir=$U,workdir=$W merged
        stat -c %C merged merged/fish merged/deep merged/deep/er/fish
        grep -c lowerdir=lower,upperdir=$U,workdir=$W, /proc/mounts
        echo more >> merged/fish; chmod 600 merged/deep/er/fish; mv merged/deep/fish merged/deep/moved
        stat -c %C $U/fish $U/deep $U/deep/er $U/deep/er/fish $U/deep/moved merged/deep/moved
        echo new > merged/new; mkdir merged/dir; echo new > merged/deep/new; ln merged/fish merged/link
        stat -c %C merged/new $U/new $U/dir $U/deep/new $U/link
        chcon -t shown_t merged/other; stat -c %C merged/other $U/other lower/other
        rm merged/fish; stat -c %C merged/link; cat merged/fish
        echo again > merged/fish; stat -c %C merged/fish $U/fish
        umount merged
        stat -c %C $U/link $U/deep/moved
        mount -t overlay none -o lowerdir=lower,upperdir=$U,workdir=$W merged
        stat -c %C merged/link merged/deep/moved merged/other
        """,
        *CAT,
        *labelled(box),
    )
    assert types_of(outcome.output) == [
        *("basket_t", "fish_t", "lower_t", "fish_t", "1"),
        *("fish_t", "lower_t", "lower_t", "fish_t", "fish_t", "fish_t"),
        *("basket_t", "basket_t", "basket_t", "lower_t", "fish_t"),
        *("shown_t", "shown_t", "lower_t"),
        *("fish_t", "basket_t", "basket_t"),
        *("fish_t", "fish_t"),
        *("fish_t", "fish_t", "shown_t"),
    ], outcome.errors


def test_the_mounter_is_asked_about_what_lies_beneath(box: Box) -> None:
    """Where all files of an overlay have a label that a task may use, it gets no further than the mounter would."""
    options = "context=system_u:object_r:shown_t:s0,lowerdir=lower,upperdir=upper,workdir=work"
    outcome = box.shell(
        f"""
        {MOUNT.replace("lowerdir=lower,upperdir=upper,workdir=work", options)}
        runcon -t dog_t sh -c '
            stat -c %C merged/fish merged/secret; cat merged/fish; cat merged/secret
            echo more >> merged/secret; chmod 600 merged/secret; mv merged/secret merged/moved; rm merged/other
            echo more >> merged/fish; echo new > merged/new
        '
        stat -c %C upper/fish upper/new lower/fish; ls upper; chcon -t fish_t merged/new 2>/dev/null || echo fixed
        """,
        *CAT,
        *labelled(box),
    )
    assert types_of(outcome.output) == [
        *("shown_t", "shown_t", "milk"),
        *("shown_t", "shown_t", "fish_t"),
        *("fish", "new", "other", "fixed"),
    ], outcome.errors
    denied = [(each.scontext.split(":")[2], each.permissions) for each in outcome.records if "cream_t" in each.tcontext]
    assert set(denied) == {("cat_t", ("read",))}


def test_a_task_is_asked_about_the_label_that_the_mounter_may_see(box: Box) -> None:
    box.policy.write_text(POLICY.replace("(allow cat_t cream_t (file (getattr)))", ""))
    outcome = box.shell(
        f"{MOUNT}; runcon -t dog_t stat -c %C merged/secret; stat -c %C lower/secret; {MOUNT} -o ro && echo twice",
        *CAT,
        *labelled(box),
    )
    assert "cream_t" not in outcome.output
    assert [each.tcontext.split(":")[2] for each in outcome.denied("file", "getattr") if "dog_t" in each.scontext] == [
        "unlabeled_t"
    ]


def test_without_an_upper_directory_nothing_is_written(box: Box) -> None:
    outcome = box.shell(
        """
        mkdir upper/more && echo cream > upper/more/first
        mount -t overlay none -o lowerdir=upper/more:lower merged
        cat merged/first merged/fish; stat -c %C merged/first merged/fish
        for do in "echo more >> merged/fish" "chmod 600 merged/fish" "rm merged/fish" "chcon -t shown_t merged/fish"; do
            sh -c "$do" 2>&1 | grep -o Read-only
        done
        """,
        *CAT,
        *labelled(box),
    )
    assert types_of(outcome.output) == ["cream", "milk", "basket_t", "fish_t", *["Read-only"] * 4], outcome.errors


def test_files_without_names_keep_their_labels(box: Box) -> None:
    program = """
import os
def label(fd): return os.getxattr(fd, "security.selinux").decode().split(":")[2]
fds = [os.open(f"merged/{name}", os.O_RDWR) for name in ("fish", "deep/fish")]
os.unlink("merged/fish"); os.rename("merged/deep/fish", "merged/fish (deleted)")
fds.append(os.open("merged/other", os.O_RDONLY)); os.unlink("merged/other")
open("merged/other (deleted)", "w").close()
print(*map(label, fds)); [os.fchmod(fd, 0o600) for fd in fds]; print(os.listxattr(fds[0]))
"""
    outcome = box.run("python3", "-c", f"import os; os.system('{MOUNT}')" + program, options=(*CAT, *labelled(box)))
    assert outcome.output.splitlines()[:1] == ["fish_t fish_t lower_t"], outcome.errors


def test_what_would_make_names_tell_too_little_is_refused(box: Box) -> None:
    options = ("redirect_dir=on", "metacopy=on", "userxattr", "verity=on", "nfs_export=on")
    script = "\n".join(f"{MOUNT} -o {each} 2>/dev/null && echo {each}" for each in options)
    more = """
    mount -t overlay none -o lowerdir=lower::upper merged 2>/dev/null && echo data
    mount -t overlay none -o upperdir=upper,workdir=work merged 2>/dev/null && echo no lower one
    mount -t overlay none -o lowerdir=nothing merged 2>/dev/null && echo nothing
    mkdir 'a:b' && echo cheese > a:b/cheese
    mount -t overlay none -o 'lowerdir=a\\:b:lower' merged && cat merged/cheese
    """
    outcome = box.shell(script + more, *CAT, *labelled(box))
    assert outcome.output == "cheese\n", outcome.errors


def test_unmounted_overlays_let_their_directories_go(box: Box) -> None:
    outcome = box.shell(
        """
        label=rootcontext=system_u:object_r:basket_t:s0
        for i in 1 2; do
            mount -t tmpfs none upper -o $label && mkdir upper/u upper/w
            mount -t overlay none -o lowerdir=lower,upperdir=upper/u,workdir=upper/w merged
            umount merged && umount upper && echo gone
        done
        """,
        *CAT,
        *labelled(box),
    )
    assert outcome.output.split() == ["gone", "gone"], outcome.errors


def test_a_sockets_file_is_met_where_no_mount_has_its_device_number(box: Box) -> None:
    outside = """
mount -t tmpfs none upper && mkdir upper/u upper/w
mount -t overlay none -o xino=off,lowerdir=lower,upperdir=upper/u,workdir=upper/w merged && exec "$@"
"""
    program = """
import os, socket
bell = socket.socket(socket.AF_UNIX)
bell.bind("merged/bell")
print(os.stat("merged/bell").st_dev != os.stat("merged").st_dev)
def label(of): return os.getxattr(of, "security.selinux").decode().split(":")[2]
print(label("merged/bell"), label(bell.fileno()), label(f"/proc/self/fd/{bell.fileno()}"), os.listxattr("merged/bell"))
"""
    with box.policy.open("a") as policy:
        policy.write("(allow cat_t basket_t (sock_file (create getattr)))")
    label = f"--label={box.directory}/merged=system_u:object_r:basket_t:s0"
    around = ("unshare", "--mount", "env", f"--chdir={box.directory}", "sh", "-ec", outside, "sh")
    outcome = box.run("python3", "-c", program, options=(*CAT, *labelled(box), label), around=around)
    assert outcome.output.splitlines() == ["True", "basket_t cat_t cat_t ['security.selinux']"], outcome.errors


RACER = """
import os, subprocess, sys
names = [f"secret{number}" for number in range(int(sys.argv[1]))]
os.system("mount -t overlay none -o lowerdir=lower/many,upperdir=upper,workdir=work merged")
def change(number, place):
    (lambda: os.chmod(place, 0o600), lambda: os.truncate(place, 1), lambda: os.rename(place, place + "x"),
     lambda: os.link(place, place + "l"), lambda: os.utime(place), lambda: os.close(os.open(place, os.O_WRONLY)),
    )[number % 6]()
lookers = [subprocess.Popen(["runcon", "-t", "dog_t", "python3", "looker.py", *sys.argv[1:]]) for _ in range(2)]
while len(os.listdir("ready")) < len(lookers):
    pass
for number, name in enumerate(names):
    change(number, f"merged/{name}")
open("upper/end", "w").close()
[each.wait() for each in lookers]
copied = [name for name in os.listdir("upper") if name.startswith("secret")]
print(len(copied) >= len(names))
"""

LOOKER = """
import os, stat, sys
seen, wins = set(), 0
open(f"ready/{os.getpid()}", "w").close()
while not seen or not os.path.exists("upper/end"):
    for number in range(int(sys.argv[1])):
        for place in (f"merged/secret{number}", f"upper/secret{number}", f"upper/secret{number}x"):
            try:
                label = os.getxattr(place, "security.selinux").decode().split(":")[2]
                if not stat.S_ISCHR(os.stat(place).st_mode):
                    seen.add(label)
            except OSError:
                pass
            try:
                fd = os.open(place, os.O_RDONLY)
                wins += not stat.S_ISCHR(os.fstat(fd).st_mode)
                os.close(fd)
            except OSError:
                pass
print(sorted(seen), wins, flush=True)
"""


def test_no_copy_is_ever_seen_with_another_label(box: Box) -> None:
    rules = """
    (allow cat_t cream_t (file (getattr setattr read write open append link rename create)))
    (allow cat_t cream_t (dir (getattr search)))
    """
    box.policy.write_text(POLICY.replace("(allow cat_t cream_t (file (getattr)))", rules))
    (box.directory / "lower/many").mkdir()
    (box.directory / "ready").mkdir(0o777)
    count = 90
    for number in range(count):
        (box.directory / f"lower/many/secret{number}").write_text("x")
    label = ("--label", f"{box.directory}/lower/many=system_u:object_r:cream_t:s0")
    box.file("racer.py", RACER)
    box.file("looker.py", LOOKER)
    outcome = box.run("python3", "racer.py", str(count), options=(*CAT, *labelled(box), *label))
    assert outcome.output.splitlines() == [*["['cream_t'] 0"] * 2, "True"], outcome.output + outcome.errors
