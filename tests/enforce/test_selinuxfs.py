"""Programs that know SELinux, unmodified: they find it switched on, and this policy's answers."""

import os
import re
import subprocess
import sys

import pytest

from tests.enforce.boxes import Box, environment
from tests.enforce.clients import PYTHON, USERS, make_box, needs, needs_python

pytestmark = pytest.mark.enforcement

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type kitten_t) (call domain_type (kitten_t)) (typebounds cat_t kitten_t)
(type dog_t) (call domain_type (dog_t))
(type food_t) (call file_type (food_t))
(type toy_t) (call file_type (toy_t))
(typeattributeset policy_administrator cat_t)
(call manage_files (cat_t food_t))
(call manage_files (cat_t toy_t))
(call manage_files (dog_t food_t))
(call see_processes (cat_t kernel_t))
(call see_processes (cat_t dog_t))
(call choose_domain (cat_t dog_t))
(call inherit_from (dog_t kernel_t))
(allow cat_t self (process (setfscreate setcurrent)))
(allow cat_t dog_t (process (dyntransition)))
(allow cat_t kitten_t (process (dyntransition)))
(allow cat_t security_t (security (setenforce setbool)))
(typetransition cat_t food_t dir "den" toy_t)
(boolean purring true)
(booleanif purring (true (allow dog_t toy_t (file (read)))))
"""
CAT = ("--domain", "cat_t")
CONTEXT = "system_u:system_r:{}:s0"
FOOD, TOY = "system_u:object_r:food_t:s0", "system_u:object_r:toy_t:s0"


@pytest.fixture(params=USERS)
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Box:
    return make_box(tmp_path_factory, POLICY, request.param)


def is_root(box: Box) -> bool:
    """Tell whether the box's programs run as root: as the tests' own user, who is root."""
    return box.user is None and os.geteuid() == 0


def run(box: Box, script: str, *options: str) -> list[str]:
    """Run a script as a cat in a directory of food and return the lines of what it wrote."""
    outcome = box.shell(f"exec 2>&1; {script}", *(options or CAT), f"--label={box.directory}={FOOD}")
    return outcome.output.splitlines()


def python(box: Box, program: str, *options: str) -> list[str]:
    """Run a program in Python, which may use `attempt(call, *arguments)`, and return the lines that it wrote."""
    attempt = """
import os, threading
def attempt(call, *arguments):
    try:
        print(call(*arguments))
    except OSError as error:
        print("errno", error.errno)
def write(path, text):
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.write(descriptor, text.encode())
        return os.read(descriptor, 4096).decode().replace("\\0", "|")
    finally:
        os.close(descriptor)
"""
    box.file("program.py", attempt + program)
    return run(box, f"{PYTHON} program.py", *options)


# --- Programs ---------------------------------------------------------------------------------------------------------


@needs("id")
def test_id_shows_the_domain(box: Box) -> None:
    assert run(box, "id -Z") == [CONTEXT.format("cat_t")]


@needs("ps")
def test_ps_shows_the_domain_of_every_process(box: Box) -> None:
    lines = run(box, "ps -eZ")
    assert any(re.match(r"system_u:system_r:cat_t:s0 +\d+ .* ps$", line) for line in lines)
    assert any(re.match(r"system_u:system_r:kernel_t:s0-s15:c0.c1023 +1 ", line) for line in lines)


@needs("selinuxenabled", "getenforce", "setenforce")
def test_the_mode_is_shown_and_set(box: Box) -> None:
    script = "selinuxenabled && getenforce; setenforce 0; getenforce; cat /etc/shadow > copy && echo read; setenforce 1"
    lines = run(box, f"{script}; getenforce")
    if is_root(box):
        assert lines == ["Enforcing", "Permissive", "read", "Enforcing"]
    else:
        assert (lines[:2], lines[-1]) == (["Enforcing", "Permissive"], "Enforcing")
    audit = (box.directory / "audit.log").read_text()
    assert "type=MAC_STATUS" in audit
    assert " enforcing=0 old_enforcing=1 " in audit


@needs("setenforce")
def test_who_may_not_set_the_mode_does_not(box: Box) -> None:
    outcome = box.shell("setenforce 0; cat /sys/fs/selinux/enforce", "--domain", "dog_t")
    assert outcome.output == "1"
    assert "Permission denied" in outcome.errors
    assert len(outcome.denied("security", "setenforce")) == 1


@needs("sestatus")
def test_sestatus_tells_what_is_so(box: Box) -> None:
    table = dict(line.split(":", 1) for line in run(box, "sestatus"))
    found = {name: value.strip() for name, value in table.items()}
    assert found == {
        "SELinux status": "enabled",
        "SELinuxfs mount": "/sys/fs/selinux",
        "SELinux root directory": "/etc/selinux",
        "Loaded policy name": "selbox",
        "Current mode": "enforcing",
        "Mode from config file": "enforcing",
        "Policy MLS status": "enabled",
        "Policy deny_unknown status": "denied",
        "Memory protection checking": "actual (secure)",
        "Max kernel policy version": "33",
    }


@needs("secon")
def test_secon_takes_a_context_apart(box: Box) -> None:
    assert run(box, "secon --self --type; secon --file policy.cil --type") == ["cat_t", "food_t"]


@needs("runcon", "id")
def test_runcon_starts_a_program_in_another_domain(box: Box) -> None:
    assert run(box, "runcon -t dog_t id -Z | cat; id -Z") == [CONTEXT.format("dog_t"), CONTEXT.format("cat_t")]


@needs("runcon", "id")
def test_runcon_is_told_of_a_context_that_is_none(box: Box) -> None:
    (line,) = run(box, "runcon -t nosuch_t id")
    assert line.endswith("Invalid argument")


@needs("runcon", "id")
def test_runcon_may_not_enter_every_domain(box: Box) -> None:
    outcome = box.shell("runcon -t kernel_t id -Z", *CAT)
    assert outcome.status != 0
    assert outcome.denied("process", "transition")


@needs("getsebool", "setsebool")
def test_booleans_are_listed_shown_and_set(box: Box) -> None:
    lines = run(box, "getsebool -a; setsebool purring off; getsebool purring")
    assert lines == ["purring --> on", "purring --> off"]
    assert "bool=purring val=0 old_val=1" in (box.directory / "audit.log").read_text()


@needs("compute_av")
def test_a_boolean_changes_decisions(box: Box) -> None:
    ask = f"compute_av {CONTEXT.format('dog_t')} {TOY} file"
    on, off = (run(box, f"{change}{ask}") for change in ("", "setsebool purring off; "))
    assert "read" in next(line for line in on if "allowed" in line)
    assert "read" not in next(line for line in off if "allowed" in line)


@needs("compute_create")
def test_compute_create_finds_class_numbers_by_name(box: Box) -> None:
    cat = CONTEXT.format("cat_t")
    assert run(box, f"compute_create {cat} {FOOD} process; compute_create {cat} {FOOD} dir") == [cat, FOOD]


@needs("avcstat", "policyvers")
def test_the_cache_and_the_version_are_shown(box: Box) -> None:
    head, numbers, version = run(box, "avcstat; policyvers")
    assert head.split() == ["lookups", "hits", "misses", "allocs", "reclaims", "frees"]
    assert int(numbers.split()[0]) > 0
    assert version == "33"


def test_the_file_system_is_announced(box: Box) -> None:
    assert "nodev\tselinuxfs" in run(box, "cat /proc/filesystems")


# --- Attributes of processes ------------------------------------------------------------------------------------------


def test_a_shell_chooses_the_domain_of_the_next_program(box: Box) -> None:
    dog, cat = CONTEXT.format("dog_t"), CONTEXT.format("cat_t")
    show = "cat /proc/self/attr/current /proc/thread-self/attr/prev"
    assert run(box, f"printf {dog} > /proc/self/attr/exec; {show}") == [f"{dog}\0{cat}\0"]
    assert run(box, f"printf {dog} > /proc/$$/attr/exec; exec {show}") == [f"{dog}\0{cat}\0"]


def test_an_attribute_is_inherited_by_fork_and_lost_by_exec(box: Box) -> None:
    script = f"printf {TOY} > /proc/self/attr/fscreate; (: > toy); cp toy other; stat -c %C toy other"
    assert run(box, script) == [TOY, FOOD]


def test_all_attributes_are_listed(box: Box) -> None:
    names = ["current", "exec", "fscreate", "keycreate", "prev", "sockcreate"]
    assert [name for name in run(box, "ls /proc/self/attr") if name in names] == names


def test_an_end_of_line_behind_a_context_takes_the_attribute_back(box: Box) -> None:
    """The kernel says that it took all but that, and whoever writes the rest gives an empty value."""
    cat, dog = CONTEXT.format("cat_t"), CONTEXT.format("dog_t")
    show = "cat /proc/$$/attr/exec /proc/self/attr/current"
    assert run(box, f"echo {dog} > /proc/self/attr/exec; echo $?; {show}") == ["0", f"{cat}\0"]
    assert run(box, f"exec 5>/proc/self/attr/exec; (echo {dog} >&5); echo $?; {show}")[1:] == [f"{cat}\0"]


@needs_python
def test_an_attribute_is_set_by_the_program_that_opened_it(box: Box) -> None:
    program = """
held = os.open("/proc/self/attr/exec", os.O_WRONLY)
os.set_inheritable(held, True)
if os.fork() == 0:
    attempt(os.write, held, b"DOG")
    os._exit(0)
os.wait()
os.execv(PYTHON, [PYTHON, "-c", f"import os\\ntry: os.write({held}, b'DOG')\\nexcept OSError as e: print(e.errno)"])
""".replace("DOG", CONTEXT.format("dog_t")).replace("PYTHON", repr(PYTHON))
    assert python(box, f"import sys; sys.stdout.reconfigure(line_buffering=True)\n{program}") == ["errno 1", "1"]


@needs_python
def test_attributes_answer_as_the_kernel_does(box: Box) -> None:
    program = """
attempt(write, "/proc/thread-self/attr/exec", "nonsense" * 1000)
attempt(write, "/proc/thread-self/attr/exec", "DOG\\n")
print(open("/proc/self/attr/exec").read())
attempt(write, "/proc/thread-self/attr/exec", "\\n")
print(open("/proc/self/attr/exec").read())
attempt(write, "/proc/thread-self/attr/keycreate", "DOG")
attempt(write, "/proc/thread-self/attr/current", "")
attempt(os.open, "/proc/self/attr/prev", os.O_WRONLY)
attempt(write, f"/proc/{os.getppid()}/attr/exec", "DOG")
attempt(os.open, "/proc/self/attr/nothing", os.O_RDONLY)
attempt(os.open, "/proc/4194305/attr/current", os.O_RDONLY)
os.chdir("/proc/self")
print(open("attr/current").read())
""".replace("DOG", CONTEXT.format("dog_t"))
    dog = CONTEXT.format("dog_t")
    assert python(box, program) == [
        "errno 22",
        f"{dog}|",
        f"{dog}\0",
        "",
        "",
        "errno 13",
        "errno 22",
        "errno 13",
        "errno 1",
        "errno 2",
        "errno 2",
        f"{CONTEXT.format('cat_t')}\0",
    ]


@needs_python
def test_a_process_of_several_threads_stays_within_its_bounds(box: Box) -> None:
    program = """
stop = threading.Event()
thread = threading.Thread(target=stop.wait)
thread.start()
attempt(write, "/proc/thread-self/attr/current", "DOG")
attempt(write, "/proc/thread-self/attr/current", "KITTEN")
stop.set()
thread.join()
print(open("/proc/self/attr/current").read())
"""
    for word, domain in (("DOG", "dog_t"), ("KITTEN", "kitten_t")):
        program = program.replace(word, CONTEXT.format(domain))
    kitten = CONTEXT.format("kitten_t")
    assert python(box, program)[0] == "errno 1"
    assert python(box, program)[-1] == f"{kitten}\0"
    assert "op=security_bounded_transition seresult=denied" in (box.directory / "audit.log").read_text()


@needs_python
def test_a_process_of_one_thread_changes_to_any_domain_that_policy_lets_it(box: Box) -> None:
    dog = CONTEXT.format("dog_t")
    program = f"""
write("/proc/self/attr/current", "{dog}")
print(open("/proc/self/attr/current").read())
attempt(write, "/proc/self/attr/current", "{CONTEXT.format("cat_t")}")
"""
    assert python(box, program) == [f"{dog}\0", "errno 13"]


# --- Files of the security server -------------------------------------------------------------------------------------


@needs_python
def test_transactions_answer_as_the_kernel_does(box: Box) -> None:
    program = (
        """
root = "/sys/fs/selinux/"
attempt(write, root + "context", "system_u:object_r:toy_t:s0-s0:c1,c0")
attempt(write, root + "context", "TOY-s0")
attempt(write, root + "context", "a:b:c")
attempt(write, root + "access", "CAT FOOD 7 ffffffff")
attempt(write, root + "access", "CAT FOOD")
attempt(write, root + "create", "CAT FOOD 8 d%65n")
attempt(write, root + "create", "CAT FOOD 9999")
attempt(write, root + "access", "CAT FOOD 0")
attempt(os.open, root + "class/" + "n" * 256, os.O_RDONLY)
attempt(write, root + "relabel", "CAT FOOD 7")
attempt(write, root + "member", "CAT FOOD 8")
attempt(write, root + "user", "CAT system_u")
attempt(write, root + "user", "CAT nobody_u")
attempt(os.open, root + "nothing", os.O_RDONLY)
attempt(os.open, root + "policyvers", os.O_WRONLY)
descriptor = os.open(root + "context", os.O_RDWR)
attempt(os.write, descriptor, b"TOY")
attempt(os.write, descriptor, b"TOY")
attempt(os.pread, descriptor, 6, 9)
os.close(descriptor)
for name in ("class/file/index", "class/dir/index", "class/file/perms/read", "initial_contexts/kernel", "mls"):
    print(open(root + "/" + name).read())
""".replace("TOY", TOY)
        .replace("CAT", CONTEXT.format("cat_t"))
        .replace("FOOD", FOOD)
    )
    lines = python(box, program)
    assert lines[:3] == ["system_u:object_r:toy_t:s0-s0:c0,c1|", f"{TOY}|", "errno 22"]
    allowed, decided, auditallow, auditdeny, seqno, flags = lines[3].split()
    assert int(allowed, 16) & 0x2
    assert (decided, auditallow, auditdeny, seqno, flags) == ("ffffffff", "0", "ffffffff", "1", "0")
    assert lines[4:15] == [
        "errno 22",
        f"{TOY}|",
        f"{FOOD}|",
        "0 ffffffff 0 ffffffff 1 0",
        "errno 36",
        f"{FOOD[:9]}object_r:food_t:s0|",
        lines[10],
        f"1|{CONTEXT.format('dog_t')}|",  # what `choose_domain` lets a cat come to
        "errno 22",
        "errno 2",
        "errno 13",
    ]
    assert lines[15:18] == ["26", "errno 16", "b'object'"]
    assert lines[18:] == ["7", "8", "2", "system_u:system_r:kernel_t:s0-s15:c0.c1023\0", "1"]


@needs("cp", "stat")
def test_what_is_open_has_the_status_of_its_path(box: Box) -> None:
    """Programs such as ``cp`` look whether it is still the same file."""
    script = "for each in /etc/selinux/config /proc/mounts /sys/fs/selinux/mls; do cp $each copy && cat copy; done"
    lines = run(box, f"{script}; stat -c '%F %a %s' - < /sys/fs/selinux/mls")
    assert lines[0] == "SELINUX=enforcing"
    assert lines[-1] == "1regular empty file 444 0"
    assert run(box, "exec 5>/sys/fs/selinux/context; stat -c '%F %a %s' - <&5") == ["regular empty file 666 0"]
    sizes = run(box, "wc -c < /etc/selinux/config; cat /etc/selinux/config | wc -c; stat -c %s /etc/selinux/config")
    assert len(set(sizes)) == 1


@needs_python
def test_what_is_open_has_the_label_of_its_path(box: Box) -> None:
    """What an SELinux kernel listed: all but memory files; and one of selinuxfs is named in records as it is found."""
    box.policy.write_text(POLICY + "(auditallow cat_t security_t (file (map)))")
    program = """
import ctypes, socket
page = os.open("/sys/fs/selinux/status", os.O_RDONLY)
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap(None, 4096, 1, 1, page, 0)
writing = os.open("/sys/fs/selinux/context", os.O_WRONLY)
for each in (page, writing, socket.socket(socket.AF_UNIX).detach(), os.pipe()[0], os.memfd_create("m")):
    for place in (each, f"/proc/self/fd/{each}"):
        print(os.getxattr(place, "security.selinux").decode().split(":")[2], *os.listxattr(place))
print(*os.listxattr("/proc/version"))
"""
    lines = python(box, program)
    name = "security.selinux"
    expected = [f"security_t {name}", f"security_t {name}", f"cat_t {name} system.sockprotoname", f"cat_t {name}"]
    assert lines == [*(each for each in [*expected, "tmpfs_t"] for _ in range(2)), name]
    (mapped,) = (each for each in (box.directory / "audit.log").read_text().splitlines() if "{ map }" in each)
    assert ' path="/sys/fs/selinux/status" dev="selinuxfs" ' in mapped


@needs_python
def test_directories_are_listed_and_lead_to_the_files(box: Box) -> None:
    program = """
directory = os.open("/sys/fs/selinux/booleans", os.O_RDONLY | os.O_DIRECTORY)
print(os.listdir(directory))
print(os.read(os.open("purring", os.O_RDONLY, dir_fd=directory), 99).decode())
print(sorted(os.listdir(os.open("/sys/fs/selinux", os.O_RDONLY | os.O_DIRECTORY)))[:4])
"""
    assert python(box, program) == ["['purring']", "1 1", "['access', 'avc', 'booleans', 'checkreqprot']"]


@needs_python
def test_a_moved_descriptor_acts_for_the_domain_that_opened_it_only(box: Box) -> None:
    program = """
import socket, struct
enforce = os.dup2(os.open("/sys/fs/selinux/enforce", os.O_RDWR), 50)
write("/proc/self/attr/current", "DOG")
attempt(os.write, enforce, b"0")
credentials = struct.pack("3i", os.getppid(), os.getuid(), os.getgid())
channel = socket.socket(fileno=os.dup(enforce))
attempt(channel.sendmsg, [b"0"], [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, credentials)])
print(open("/sys/fs/selinux/enforce").read())
""".replace("DOG", CONTEXT.format("dog_t"))
    # Only a privileged program may name another sender at all.
    assert python(box, program) == ["errno 13", "1" if is_root(box) else "errno 1", "1"]


@needs("runcon", "readlink")
def test_a_transaction_does_not_come_into_another_domain(box: Box) -> None:
    script = "exec 5<>/sys/fs/selinux/enforce; readlink /proc/self/fd/5; runcon -t dog_t readlink /proc/self/fd/5"
    own, other = run(box, script)
    assert own.startswith("socket:")
    assert other == "/dev/null"


@needs_python
def test_a_number_that_a_program_took_for_itself_is_its_own(box: Box) -> None:
    program = """
ours = os.open("/sys/fs/selinux/context", os.O_RDWR)
reader, writer = os.pipe()
number = os.dup2(writer, ours + 1)
os.write(number, b"through")
print(os.read(reader, 99).decode())
"""
    assert python(box, program) == ["through"]


@needs_python
def test_who_gave_root_up_keeps_what_it_has_open(box: Box) -> None:
    if not is_root(box):
        pytest.skip("only root becomes another user")
    program = """
os.setresuid(65534, 65534, 65534)  # from here on, what it has open is shown to root alone
first, second = (os.open("/sys/fs/selinux/context", os.O_RDWR) for _ in range(2))
print(second - first)
os.write(first, b"FOOD")
print(os.read(first, 99).decode().rstrip(chr(0)))
attempt(os.write, second, b"nonsense")
attempt(os.write, os.dup(os.open("/sys/fs/selinux/context", os.O_RDWR)), b"nonsense")
""".replace("FOOD", FOOD)
    box.policy.write_text(f"{POLICY} (allow cat_t self (capability (setuid)))")
    assert python(box, program) == ["1", FOOD, "errno 22", "errno 22"]


@needs_python
def test_too_many_open_transactions_are_refused(box: Box) -> None:
    program = """
opened = []
try:
    for _ in range(1000):
        opened.append(os.open("/sys/fs/selinux/context", os.O_RDWR))
except OSError as error:
    print(error.errno)
for each in opened:
    os.close(each)
attempt(write, "/sys/fs/selinux/context", "TOY")
""".replace("TOY", TOY)
    assert python(box, program) == ["24", f"{TOY}|"]


@needs_python
def test_libselinux_itself_asks_and_is_answered(box: Box) -> None:
    if box.shell(f"{PYTHON} -c 'import selinux'", *CAT).status != 0:
        pytest.skip("python3-selinux is not installed")
    program = f"""
import selinux
print(selinux.is_selinux_enabled(), selinux.is_selinux_mls_enabled())
print(selinux.getcon()[1])
print(selinux.selinux_check_access("{CONTEXT.format("cat_t")}", "{FOOD}", "file", "read"))
attempt(selinux.selinux_check_access, "{CONTEXT.format("dog_t")}", "{TOY}", "file", "write")
print(selinux.setcon("{CONTEXT.format("dog_t")}"), selinux.getcon()[1])
"""
    assert [line for line in python(box, program) if not line.startswith("avc:")] == [
        "1 1",
        CONTEXT.format("cat_t"),
        "0",
        "errno 13",
        f"0 {CONTEXT.format('dog_t')}",
    ]


# --- What programs find at /sys/fs/selinux and /etc/selinux -----------------------------------------------------------


@needs_python
def test_the_tree_is_entered_labelled_and_left_by_paths(box: Box) -> None:
    program = """
import os, stat
ROOT = "/sys/fs/selinux"
for name in ("", "enforce", "class/file/perms/read", "null"):
    path = os.path.join(ROOT, name)
    print(os.getxattr(path, "security.selinux").rstrip(bytes(1)).decode(), stat.filemode(os.stat(path).st_mode))
attempt(os.readlink, ROOT + "/enforce")
attempt(os.stat, ROOT + "/class/nothing")
attempt(os.mkdir, ROOT)
attempt(os.rmdir, ROOT)
print(os.path.samefile(ROOT + "/..", "/sys/fs"), os.path.samefile(ROOT + "/class/../../selinux", ROOT))
print(os.path.samefile("/sys/../etc/selinux/..", "/etc"))
os.chdir("/sys/fs")
print(os.listdir("selinux/ss"), open("selinux/mls").read())
with open(ROOT + "/null", "r+b", buffering=0) as null:
    print(null.write(b"gone"), null.read())
"""
    label = "system_u:object_r:security_t:s0"
    lines = python(box, program)
    assert lines == [
        f"{label} drwxr-xr-x",
        f"{label} -rw-r--r--",
        f"{label} -r--r--r--",
        "system_u:object_r:null_device_t:s0 crw-rw-rw-",
        "errno 22",
        "errno 2",
        "errno 17",
        "errno 16",
        "True True",
        "True",
        "['sidtab_hash_stats'] 1",
        "4 b''",
    ]


@needs("matchpathcon", "restorecon")
def test_the_policy_itself_tells_how_files_are_labelled(box: Box) -> None:
    filecon = f'(filecon "{box.directory}/bowl(/.*)?" any (system_u object_r food_t ((s0)(s0))))'
    relabel = "".join(f"(allow cat_t {each} (file (relabelfrom relabelto)))" for each in ("food_t", "toy_t"))
    box.policy.write_text(POLICY + filecon + relabel)
    script = f"ls /etc/selinux/selbox/contexts; matchpathcon {box.directory}/bowl; touch bowl; chcon -t toy_t bowl"
    lines = run(box, f"{script}; restorecon -v bowl")
    assert lines[:3] == ["customizable_types", "dbus_contexts", "files"]
    assert lines[3] == f"{box.directory}/bowl\t{FOOD}"
    assert lines[4] == f"Relabeled {box.directory}/bowl from {TOY} to {FOOD}"


@needs("matchpathcon", "sestatus")
def test_a_directory_may_stand_for_that_of_the_policy(box: Box) -> None:
    contexts = box.directory / "root/pets/contexts"
    (contexts / "files").mkdir(parents=True)
    (contexts / "files/file_contexts").write_text(f"/basket(/.*)?\t{TOY}\n/etc/selinux(/.*)?\t{FOOD}\n")
    (contexts / "default_contexts").write_text("system_r:kernel_t:s0 system_r:cat_t:s0\n")
    script = "sestatus | grep name; matchpathcon /basket/x; cat /etc/selinux/pets/contexts/default_contexts"
    script += "; ls -Z /etc/selinux/pets/contexts/default_contexts; cat /etc/selinux/config"
    assert run(box, script, *CAT, "--selinux-root=root") == [
        "Loaded policy name:             pets",
        f"/basket/x\t{TOY}",
        "system_r:kernel_t:s0 system_r:cat_t:s0",
        f"{FOOD} /etc/selinux/pets/contexts/default_contexts",
        "SELINUX=enforcing",
        "SELINUXTYPE=pets",
    ]


@needs("sestatus")
@pytest.mark.parametrize("given", [False, True])
def test_a_configuration_is_made_and_removed_in_a_box(box: Box, given: bool) -> None:
    (box.directory / "root/pets/contexts").mkdir(parents=True)
    if given:
        box.file("root/config", "SELINUX=disabled\nSELINUXTYPE=dogs\n")
    for name in ("root", "root/pets"):
        (box.directory / name).chmod(0o777)
    config = "/etc/selinux/config"
    script = f"cat {config}; rm {config} || echo none; echo SELINUXTYPE=birds > {config}; cat {config}; rm {config}"
    label = f"--label={box.directory}/root={FOOD}", f"--label=/etc/selinux={FOOD}"
    lines = run(box, f"{script}; sestatus; cat {config}", *CAT, "--selinux-root=root", *label)
    assert lines[:2] == ["SELINUX=enforcing", "SELINUXTYPE=pets"]
    missing = [] if given else [f"rm: cannot remove '{config}': No such file or directory", "none"]
    no_more = ["SELinux status:                 disabled", f"cat: {config}: No such file or directory"]
    assert lines[2:] == [*missing, "SELINUXTYPE=birds", *no_more]


@needs("findmnt")
def test_selinuxfs_is_among_the_mounts(box: Box) -> None:
    assert run(box, "findmnt -no SOURCE,FSTYPE /sys/fs/selinux") == ["selinuxfs selinuxfs"]


# --- The policy in force ----------------------------------------------------------------------------------------------

LOADING = """
(allow cat_t security_t (security (load_policy read_policy check_context)))
(call read_files (cat_t toy_t))
"""


def compiled(box: Box, name: str, policy: str) -> None:
    """Make a kernel policy in a box's directory."""
    box.file(f"{name}.cil", policy)
    command = [sys.executable, "-m", "selbox", "compile", f"{name}.cil", "-o", f"{name}.policy"]
    subprocess.run(command, check=True, cwd=box.directory, env=environment(), stdout=subprocess.DEVNULL)


@needs_python
def test_another_policy_is_put_in_force(box: Box) -> None:
    box.policy.write_text(POLICY + LOADING)
    compiled(box, "same", POLICY + LOADING)
    compiled(box, "other", POLICY + LOADING + "(type lynx_t) (call domain_type (lynx_t))")
    lynx = CONTEXT.format("lynx_t")
    program = f"""
def load(data):
    descriptor = os.open("/sys/fs/selinux/load", os.O_RDWR)
    return os.write(descriptor, data)
same, other = (open(name + ".policy", "rb").read() for name in ("same", "other"))
print(open("/sys/fs/selinux/policy", "rb").read() == same)
attempt(write, "/sys/fs/selinux/context", "{lynx}")
attempt(load, other[:1000])
attempt(load, b"")
attempt(lambda: load(other) == len(other))
attempt(write, "/sys/fs/selinux/context", "{lynx}")
print(open("/sys/fs/selinux/policy", "rb").read() == other, open("/proc/self/attr/current").read())
os.mkdir("den")
print(os.getxattr("den", "security.selinux"), os.path.exists("/sys/fs/selinux/class/file/index"))
"""
    cat, context = CONTEXT.format("cat_t"), f"{lynx}|"
    lines = ["True", "errno 22", "errno 22", "errno 22", "True", context, f"True {cat}\0", f"b'{TOY}\\x00' True"]
    assert python(box, program) == lines
    assert "type=MAC_POLICY_LOAD" in (box.directory / "audit.log").read_text()


@needs_python
def test_who_may_not_load_or_read_the_policy_does_not(box: Box) -> None:
    compiled(box, "same", POLICY)
    program = """
attempt(open, "/sys/fs/selinux/policy")
descriptor = os.open("/sys/fs/selinux/load", os.O_RDWR)
attempt(os.read, descriptor, 1)
attempt(os.write, descriptor, open("same.policy", "rb").read())
"""
    assert python(box, program) == ["errno 13", "errno 22", "errno 13"]


@needs_python
def test_a_policy_that_asks_more_than_the_filter_does_is_not_loaded(box: Box) -> None:
    # Where every domain may fork, forks are not asked about; the new policy has one that may not.
    policy = """
(type cat_t) (call domain_type (cat_t)) (typeattributeset policy_administrator cat_t)
(type food_t) (call file_type (food_t)) (call manage_files (cat_t food_t))
(allow cat_t security_t (security (load_policy)))
"""
    box.policy.write_text(policy)
    compiled(box, "other", policy + "(type mouse_t) (roletype system_r mouse_t)")
    program = """
descriptor = os.open("/sys/fs/selinux/load", os.O_RDWR)
attempt(os.write, descriptor, open("other.policy", "rb").read())
"""
    assert python(box, program) == ["errno 95"]
