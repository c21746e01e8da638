"""Programs enter and open what stands elsewhere for the box, as on a host with SELinux."""

import subprocess

import pytest

from tests.enforce.boxes import Box
from tests.enforce.clients import CALL, PYTHON, USERS, make_box, needs_python
from tests.enforce.test_selinuxfs import POLICY, python, run

pytestmark = pytest.mark.enforcement


@pytest.fixture(params=USERS)
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Box:
    return make_box(tmp_path_factory, POLICY, request.param)


@pytest.fixture
def of_root(tmp_path_factory: pytest.TempPathFactory) -> Box:
    return make_box(tmp_path_factory, POLICY, None)


def test_a_shell_enters_selinuxfs(box: Box) -> None:
    script = "cd /sys/fs/selinux && pwd && cat enforce mls && cd booleans && pwd -P && ls && cat purring; cd ..; pwd -P"
    assert run(box, script) == ["/sys/fs/selinux", "11/sys/fs/selinux/booleans", "purring", "1 1/sys/fs/selinux"]
    assert run(box, "cd /sys/fs/selinux/class/../ss && sh -c pwd && ls . && cd ../.. && pwd -P") == [
        "/sys/fs/selinux/ss",
        "sidtab_hash_stats",
        "/sys/fs",
    ]
    assert run(box, "cd /sys/fs/selinux/enforce; echo $?; cd /sys/fs/selinux/none; echo $?")[1::2] == ["2", "2"]


def test_a_shell_enters_the_directory_of_policies(box: Box) -> None:
    assert run(box, "cd /etc/selinux/selbox/contexts && pwd -P && cd ../.. && cat config; readlink /proc/self/cwd") == [
        "/etc/selinux/selbox/contexts",
        "SELINUX=enforcing",
        "SELINUXTYPE=selbox",
        "/etc/selinux",
    ]


@needs_python
def test_what_is_entered_and_opened_without_access_is_what_paths_mean(box: Box) -> None:
    program = """
os.chdir("/sys/fs/selinux/class")
attempt(os.getcwd)
os.chdir("../..")
attempt(os.getcwd)
os.chdir("selinux")
paths = (("/etc/selinux/config", 0), ("enforce", 0), ("/sys/fs/selinux", os.O_DIRECTORY), ("mls", os.O_NOFOLLOW))
for path, flags in paths:
    held = os.open(path, os.O_PATH | flags)
    attempt(os.readlink, f"/proc/self/fd/{held}")
    attempt(os.getxattr, f"/proc/self/fd/{held}", "security.selinux")
attempt(os.open, "enforce", os.O_PATH | os.O_DIRECTORY)
attempt(os.read, os.open("/sys/fs/selinux/enforce", os.O_PATH), 1)
held = len(os.listdir("/proc/self/fd"))
for _ in range(20):
    os.chdir("/sys/fs/selinux/class")
print(len(os.listdir("/proc/self/fd")) - held)
"""
    label = r"b'system_u:object_r:{}:s0\x00'".format
    assert python(box, program) == [
        "/sys/fs/selinux/class",
        "/sys/fs",
        "/etc/selinux/config",
        label("etc_t"),
        "/sys/fs/selinux/enforce",
        label("security_t"),
        "/sys/fs/selinux",
        label("security_t"),
        "/sys/fs/selinux/mls",
        label("security_t"),
        "errno 20",
        "errno 9",
        "0",
    ]


@needs_python
def test_openat2_opens_without_access_what_it_opens_elsewhere(box: Box) -> None:
    program = (
        "import errno, fcntl, os, struct"
        + CALL
        + """
def opened(path, flags, directory=-100):
    how = ctypes.create_string_buffer(struct.pack("QQQ", flags | os.O_PATH, 0, 0), 24)
    try:
        held = call(437, directory, path, how, 24)
    except OSError as error:
        return print(errno.errorcode[error.errno])
    print(os.readlink(f"/proc/self/fd/{held}"), hex(fcntl.fcntl(held, fcntl.F_GETFL)), os.get_inheritable(held))
    return held
usr = opened(b"/usr", os.O_DIRECTORY)
opened(b"bin/env", os.O_CLOEXEC, usr)
opened(b"/proc/1/exe", os.O_NOFOLLOW)
opened(b"/usr/bin/env", os.O_DIRECTORY)
opened(b"/usr/bin/none", 0)
opened(b"bin", 0, 99)
print(len(os.listdir("/proc/self/fd")))
"""
    )
    plain = subprocess.run([str(PYTHON), "-c", program], capture_output=True, text=True, check=True)
    outcome = box.run(str(PYTHON), "-c", program, options=("--domain", "cat_t"))
    assert outcome.output == plain.stdout


@needs_python
def test_signals_and_threads_do_not_disturb_who_enters(of_root: Box) -> None:
    program = """
import signal
ticks = []
signal.signal(signal.SIGALRM, lambda *_: ticks.append(os.getcwd()))
signal.siginterrupt(signal.SIGALRM, False)
signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
wrong = []
def enter():
    for _ in range(20):
        os.chdir("/sys/fs/selinux/class")
        held = os.open("/sys/fs/selinux/enforce", os.O_PATH)
        if os.readlink(f"/proc/self/fd/{held}") != "/sys/fs/selinux/enforce":
            wrong.append(held)
        os.close(held)
other = threading.Thread(target=enter)
other.start()
enter()
other.join()
signal.setitimer(signal.ITIMER_REAL, 0)
print(wrong, bool(ticks), set(ticks) <= {"/sys/fs/selinux/class", os.environ["PWD"]}, os.getcwd())
print(signal.pthread_sigmask(signal.SIG_BLOCK, ()), len(os.listdir("/proc/self/fd")))
"""
    assert python(of_root, program) == ["[] True True /sys/fs/selinux/class", "set() 4"]


def test_nobody_changes_the_names_and_labels_in_selinuxfs(of_root: Box) -> None:
    script = """
cd /sys/fs/selinux
rm -f enforce; mkdir new; ln -s a new; ln mls new; ln mls /dev/shm/new; mv mls new; mv mls /dev/shm/new; touch new
chcon -t food_t enforce; chmod 600 enforce && stat -c %a enforce && chmod 644 enforce
"""
    outcome = of_root.shell(script, "--permissive", "--domain", "cat_t")
    reasons = [
        line.rpartition(": ")[2] for line in outcome.errors.splitlines() if ": " in line and "selbox" not in line
    ]
    refused, elsewhere = "Operation not permitted", "Invalid cross-device link"
    unsupported = "Operation not supported"
    assert reasons == [*[refused] * 4, elsewhere, *[refused] * 2, "Permission denied", unsupported]
    assert outcome.output == "600\n"


def test_what_a_shell_redirects_fails_where_it_is_written(box: Box) -> None:
    script = """
echo x > /sys/fs/selinux/enforce 2> /dev/null; echo $?
echo 0 > /sys/fs/selinux/booleans/purring && cat /sys/fs/selinux/booleans/purring; echo
echo 1 > /sys/fs/selinux/commit_pending_bools && cat /sys/fs/selinux/booleans/purring; echo
"""
    assert run(box, f"{script} exec 2> /dev/null; echo 2 > /sys/fs/selinux/enforce; echo $?") == [
        "1",
        "1 0",
        "0 0",
        "0",
    ]


@needs_python
def test_a_short_write_by_the_number_of_standard_output_has_its_errno(box: Box) -> None:
    program = """
os.dup2(os.open("/sys/fs/selinux/enforce", os.O_WRONLY), 1)
try:
    os.write(1, b"x")
except OSError as error:
    os.write(2, b"errno %d" % error.errno)
os.write(1, b"1")
"""
    assert python(box, program) == ["errno 22"]
