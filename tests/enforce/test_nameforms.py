"""Names that end in slashes and dots, links that lead nowhere, and directories deeper than a path can say.

Each program is run without a box first, and what it prints then is what it must print in one.
"""

import subprocess

import pytest

from tests.enforce.boxes import environment
from tests.enforce.clients import PYTHON, USERS, make_box, needs_python

pytestmark = [pytest.mark.enforcement, needs_python]

NAMES = r"""
import ctypes, errno, itertools, os, shutil, socket, stat
libc = ctypes.CDLL(None, use_errno=True)
names = [
    "f", "f/", "f/.", "d", "d/", "d/.", "d/..", "l", "l/", "l/.", "k", "k/", "k/.", "gone", "gone/", "gone/.", "new",
    "new/", "new/.", "f/x", "k/new", "d//new//", "", ".", "./", "s/", "closed/.", "closed/..", "w/.", "w/f", "end",
]
def clear():
    for name in os.listdir("."):
        if os.path.isdir(name) and not os.path.islink(name):
            os.chmod(name, 0o700)
            shutil.rmtree(name)
        else:
            os.unlink(name)
def prepare():
    clear()
    for name in "d", "e", "closed", "w":
        os.mkdir(name)
    for name in "f", "d/f", "w/f":
        open(name, "w").close()
    for name, target in ("l", "f"), ("k", "d"), ("gone", "nowhere"), ("end", "f/"), ("dot", "closed/."):
        os.symlink(target, name)
    os.chmod("closed", 0)
    os.chmod("w", 0o600)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("s")
def tree():
    found = []
    for top, directories, files in os.walk("."):
        if not os.access(top, os.X_OK):
            continue
        for each in sorted(directories + files):
            status = os.lstat(os.path.join(top, each))
            found.append((top, each, stat.S_IFMT(status.st_mode), status.st_nlink))
    return sorted(found)
def call(name, *words):
    words = [each.encode() if isinstance(each, str) else each for each in words]
    result = getattr(libc, name)(*words)
    if name == "open" and result >= 0:
        os.close(result)
    return "done" if result >= 0 else errno.errorcode[ctypes.get_errno()]
def bind(name):
    with socket.socket(socket.AF_UNIX) as own:
        try:
            own.bind(name)
        except OSError as error:
            return errno.errorcode[error.errno]
prepare()
before = tree()
def told(what, answer):
    now = tree() if answer == "done" else before
    print(what, answer, "" if now == before else sorted(set(now) ^ set(before)))
    if now != before:
        prepare()
here = os.getcwd()
for name in names:
    for flags in 0, 0o200000, 0o400000, 0o600000, 0o101, 0o301, 0o200101, 0o10000000, 0o10600000:
        told(("open", name, oct(flags)), call("open", name, flags, 0o600))
    for mode in 0o10600, 0o40700, 0o120600:
        told(("mknod", name, oct(mode)), call("mknod", name, mode, 0))
    told(("mkdir", name), call("mkdir", name, 0o700))
    told(("symlink", name), call("symlink", "target", name))
    told(("rmdir", name), call("rmdir", name))
    told(("unlink", name), call("unlink", name))
    told(("access", name), call("access", name, os.R_OK))
    told(("chmod", name), call("chmod", name, 0o600) if name.strip("./") in ("f", "w/f", "l") else "")
    told(("execve", name), call("execve", name, None, None))
    if name:
        told(("bind", name), bind(name))
    entered = call("chdir", name)
    os.chdir(here)
    told(("chdir", name), entered)
pairs = ["f", "f/", "f/.", "d", "d/", "d/.", "l/", "k", "k/", "gone/", "new", "new/", "new/.", "end/"]
for old, new in itertools.product(pairs, pairs):
    told(("link", old, new), call("link", old, new))
    for flags in 0, 1, 2, 3:
        told(("rename", old, new, flags), call("renameat2", -100, old, -100, new, flags))
clear()
"""

DEEP = r"""
import os, shutil, socket, subprocess, sys
name = "x" * 200
os.mkdir("deep")
os.chdir("deep")
for _ in range(30):
    os.mkdir(name)
    os.chdir(name)
with open("file", "w") as file:
    file.write("content")
os.symlink("file", "link")
os.link("file", "other")
os.rename("other", "../other")
print(open("link").read(), os.readlink("link"), os.stat("../other").st_nlink)
shutil.copy("/bin/true", "program")
print(subprocess.run(["./program"]).returncode)
listener, client = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
listener.bind("socket")
listener.listen()
client.connect("socket")
try:
    os.getcwd()
except OSError as error:
    print(error.errno)
print(sorted(os.listdir(".")))
for each in os.listdir("."):
    os.unlink(each)
os.unlink("../other")
for _ in range(30):
    os.chdir("..")
    os.rmdir(name) if os.listdir(name) == [] else None
os.chdir("..")
os.rmdir("deep")
"""


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("program", [pytest.param(NAMES, id="names"), pytest.param(DEEP, id="deep directories")])
def test_names_mean_what_they_mean_without_a_box(
    tmp_path_factory: pytest.TempPathFactory, user: int | None, program: str
) -> None:
    box = make_box(tmp_path_factory, "", user)
    box.file("program.py", program)
    place = box.directory / "place"
    place.mkdir()
    place.chmod(0o777)
    assert PYTHON is not None
    start = ("sh", "-c", 'cd place && exec "$0" -I ../program.py', PYTHON)
    identity = () if user is None else ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups")
    plain = subprocess.run(
        [*identity, *start], cwd=box.directory, env=environment(user), capture_output=True, text=True, check=False
    )
    assert plain.stderr == "", plain.stderr
    outcome = box.run(*start)
    differing = set(plain.stdout.splitlines()) ^ set(outcome.output.splitlines())
    assert not differing, "\n".join(sorted(differing, key=str)[:40])
    assert (outcome.status, outcome.records) == (plain.returncode, ())
