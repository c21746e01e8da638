"""Keys of a box: what policy asks about each operation, whose they are, and what programs find in them."""

import pytest

from tests.enforce.boxes import Outcome
from tests.enforce.clients import CALL, PYTHON, USERS, make_box, needs_python
from tests.strength import tries

pytestmark = [pytest.mark.enforcement, needs_python]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type dog_t) (call domain_type (dog_t))
(type dog_exec_t) (call file_type (dog_exec_t))
(type collar_t) (call file_type (collar_t))
(type yard_t) (call file_type (yard_t))
(call read_files (cat_t yard_t))
(call read_files (dog_t yard_t))
(call domain_transition (cat_t dog_exec_t dog_t))
(allow cat_t self (process (setkeycreate)))
"""

CALLS = (
    CALL
    + """
import errno, os, subprocess, sys
def add(kind, name, payload, ring):
    return call(248, kind, name, payload, len(payload), ring)
def request(name, ring=0):
    return call(249, b"user", name, None, ring)
def keyctl(*words):
    return call(250, *words)
def tell(name, probe):
    try:
        print(name, probe(), flush=True)
    except OSError as error:
        print(name, errno.errorcode[error.errno], flush=True)
"""
)

STEPS = f"""{CALLS}
ring = -2
made = {{}}
def make():
    for name in (b"private", b"prime", b"base"):
        made[name] = add(b"user", name, {{b"private": b"\\x05", b"prime": b"\\x17", b"base": b"\\x03"}}[name], ring)
tell("make", make)
if made:
    base = made[b"base"]
    text = ctypes.create_string_buffer(200)
    tell("request", lambda: request(b"private", ring) == made[b"private"])
    tell("search", lambda: keyctl(10, ring, b"user", b"base", 0) == base)
    tell("label", lambda: (keyctl(17, base, text, 200), text.value)[1].split(b":")[2].decode())
    params = (ctypes.c_int * 3)(made[b"private"], made[b"prime"], base)
    tell("compute", lambda: (keyctl(23, params, text, 200, 0), text.raw[0]))
    tell("link", lambda: keyctl(8, base, ring))
    tell("time out", lambda: keyctl(15, base, 1000))
"""

EVERYTHING = "create view read write search link setattr"


def run(factory: pytest.TempPathFactory, rules: str, script: str, user: int | None = None) -> Outcome:
    box = make_box(factory, POLICY + rules, user)
    box.file("keys.py", script)
    dog = box.file("dog", f"#!{PYTHON} -I\n{CALLS}exec(sys.argv[1])\n", 0o777)
    names = ((box.directory, "yard_t"), (dog, "dog_exec_t"))
    labels = tuple(f"--label={path}=system_u:object_r:{name}:s0" for path, name in names)
    return box.run(str(PYTHON), "-I", "keys.py", options=("--domain", "cat_t", *labels))


def without(permission: str) -> str:
    return f"(allow cat_t self (key ({' '.join(each for each in EVERYTHING.split() if each != permission)})))"


@pytest.mark.parametrize("user", USERS)
def test_a_domain_that_may_do_everything(tmp_path_factory: pytest.TempPathFactory, user: int | None) -> None:
    outcome = run(tmp_path_factory, without("none"), STEPS, user)
    told = "make None\nrequest True\nsearch True\nlabel cat_t\ncompute (1, 13)\nlink 0\ntime out 0\n"
    assert (outcome.output, outcome.errors, outcome.records) == (told, "", ())


@pytest.mark.parametrize(
    ("permission", "step"),
    [
        ("write", "make"),
        ("search", "request"),
        ("link", "request"),
        ("view", "label"),
        ("read", "compute"),
        ("setattr", "time out"),
    ],
)
def test_a_permission_is_missing(tmp_path_factory: pytest.TempPathFactory, permission: str, step: str) -> None:
    outcome = run(tmp_path_factory, without(permission), STEPS)
    failed = [line.rpartition(" ") for line in outcome.output.splitlines() if line.endswith("EACCES")]
    assert failed[0][0] == step
    assert {each for record in outcome.records for each in record.permissions} == {permission}


def test_labels_and_lives_of_keyrings(tmp_path_factory: pytest.TempPathFactory) -> None:
    script = f"""{CALLS}
text = ctypes.create_string_buffer(200)
def label(key):
    return (keyctl(17, key, text, 200), text.value)[1].decode()
with open("/proc/thread-self/attr/keycreate", "w") as attribute:
    attribute.write("system_u:object_r:collar_t:s0")
collar = add(b"keyring", b"collar", b"", -3)
tell("made as told", lambda: label(collar))
session = keyctl(0, -3, 0)
tell("thread's", lambda: add(b"user", b"mine", b"x", -1) > 0)
print("child", end=" ", flush=True)
child = os.fork()
if not child:
    tell("has the session", lambda: keyctl(0, -3, 0) == session)
    tell("has no thread's", lambda: request(b"mine"))
    os._exit(0)
os.waitpid(child, 0)
probes = "tell('same session', lambda: keyctl(0, -3, 0)); tell('process', lambda: keyctl(0, -2, 0))"
other = [sys.executable, "-I", "-c", open("keys.py").read().partition("text =")[0] + probes]
print(subprocess.run(other, capture_output=True, text=True).stdout.replace(str(session), "same"), end="")
tell("revoked", lambda: (keyctl(3, collar), keyctl(11, collar, text, 200)))
tell("new session", lambda: keyctl(1, None) != session)
tell("not in it", lambda: request(b"mine") > 0 and keyctl(0, -3, 0) != session)
tell("unknown type", lambda: add(b"asymmetric", b"k", b"x", -3))
tell("no such operation", lambda: keyctl(29, -3, b"user", b"x"))
tell("no such key", lambda: keyctl(6, 2**31 - 1, text, 200))
tell("bad address", lambda: keyctl(1, 8))
"""
    rules = f"{without('none')} (allow cat_t collar_t (key (all)))"
    outcome = run(tmp_path_factory, rules, script)
    assert outcome.output.splitlines() == [
        "made as told system_u:object_r:collar_t:s0",
        "thread's True",
        "child has the session True",
        "has no thread's ENOKEY",
        "same session same",
        "process ENOKEY",
        "revoked EKEYREVOKED",
        "new session True",
        "not in it True",
        "unknown type ENODEV",
        "no such operation ENOTSUP",
        "no such key ENOKEY",
        "bad address EFAULT",
    ]


def test_another_domains_keys(tmp_path_factory: pytest.TempPathFactory) -> None:
    script = f"""{CALLS}
session = keyctl(1, b"kennel")
key = add(b"user", b"bone", b"buried", -3)
keyctl(5, key, 0x3f3f3f3f)
probe = "text = ctypes.create_string_buffer(20); key = " + str(key)
probe += "; tell('read', lambda: keyctl(11, key, text, 20)); tell('view', lambda: keyctl(6, key, text, 20))"
probe += "; tell('found', lambda: request(b'bone') == key); tell('given', lambda: keyctl(18))"
subprocess.run(["./dog", probe])
"""
    rules = f"{without('none')} (allow dog_t cat_t (key (search read)))"
    outcome = run(tmp_path_factory, rules, script)
    assert outcome.output == "read 6\nview EACCES\nfound True\ngiven EACCES\n"
    assert [each.permissions for each in outcome.records if each.tclass == "key"] == [("view",), ("link",)]


def test_a_thread_changes_which_key_is_asked_for(tmp_path_factory: pytest.TempPathFactory) -> None:
    script = f"""{CALLS}
import threading, time
ring = add(b"keyring", b"ring", b"", -3)
mine = add(b"user", b"mine", b"x", ring)
with open("/proc/thread-self/attr/keycreate", "w") as attribute:
    attribute.write("system_u:object_r:collar_t:s0")
theirs = add(b"user", b"bone", b"x", ring)
name = ctypes.create_string_buffer(8)
def flip():
    while True:
        ctypes.memmove(name, b"mine", 4)
        ctypes.memmove(name, b"bone", 4)
sys.setswitchinterval(1e-5)
threading.Thread(target=flip, daemon=True).start()
found, end = [], time.monotonic() + 60
while len(found) < {tries(2000)} or (min(found.count(mine), found.count(-1)) <= 10 and time.monotonic() < end):
    result = libc.syscall(ctypes.c_long(250), 10, ctypes.c_long(ring), b"user", name, 0)
    found.append(result)
print(found.count(mine) > 10, found.count(-1) > 10, found.count(theirs), flush=True)
os._exit(0)
"""
    outcome = run(tmp_path_factory, f"{without('none')} (allow cat_t collar_t (key (create)))", script)
    assert outcome.output == "True True 0\n"
