import os

import pytest

from selbox.enforce.mounttables import mount_table, mount_table_of

OWN = os.getpid()


def nothing(_device: int, _kind: bytes) -> bytes:
    return b""


def unnamed(_device: int) -> bytes:
    return b""


def of_processes(device: int, kind: bytes) -> bytes:
    if kind != b"proc":
        return b""
    with open("/proc/self/mountinfo") as table:  # one may be mounted over another
        devices = [line.split()[2].split(":") for line in table if line.split()[-3] == "proc"]
    assert device in {os.makedev(int(major), int(minor)) for major, minor in devices}
    return b"seclabel"


@pytest.mark.parametrize(
    ("path", "task"),
    [
        ("/proc/mounts", "own"),
        ("/etc/mtab", "own"),
        ("/proc/self/mounts", "own"),
        ("/proc/self/mountinfo", "own"),
        ("/proc/thread-self/mountinfo", "own"),
        ("/proc/1/mounts", 1),
        ("/proc/1/task/7/mountinfo", 7),
        ("/proc/mountinfo", None),
        ("/proc/self/mountstats", None),
        ("/proc/self/attr/mounts", None),
        ("/tmp/mounts", None),
    ],
)
def test_paths_of_tables_name_a_task(path: str, task: int | str | None) -> None:
    assert mount_table_of(path.encode(), OWN, lambda number: number) == (OWN if task == "own" else task)


def test_selinuxfs_is_mounted_once() -> None:
    lines = mount_table(OWN, b"/proc/self/mounts", nothing, unnamed).decode().splitlines()
    assert [line for line in lines if "selinux" in line] == [
        "selinuxfs /sys/fs/selinux selinuxfs rw,nosuid,noexec,relatime 0 0"
    ]


def test_the_rest_of_the_table_is_the_tasks_own() -> None:
    with open("/proc/self/mounts") as table:
        own = table.read().splitlines()
    lines = mount_table(OWN, b"/etc/mtab", nothing, unnamed).decode().splitlines()
    assert [line for line in lines if "selinuxfs" not in line] == own


def test_the_numbered_table_names_what_it_is_mounted_on() -> None:
    words = [line.split() for line in mount_table(OWN, b"/proc/self/mountinfo", nothing, unnamed).decode().splitlines()]
    by_number = {each[0]: each for each in words}
    (own,) = [each for each in words if each[-2] == "selinuxfs"]
    assert len(by_number) == len(words)
    assert own[3:5] == ["/", "/sys/fs/selinux"]
    assert own[2] not in {each[2] for each in words if each is not own}
    if any(each[4] == "/sys" for each in words):
        assert by_number[own[1]][4] == "/sys"


@pytest.mark.parametrize("name", ["mounts", "mountinfo"])
def test_file_systems_with_labels_say_so(name: str) -> None:
    table = mount_table(OWN, f"/proc/self/{name}".encode(), of_processes, unnamed).decode()
    lines = [line.split() for line in table.splitlines()]
    options = {line[2] if name == "mounts" else line[-3]: line[3] if name == "mounts" else line[-1] for line in lines}
    assert options["proc"].split(",")[1:2] == ["seclabel"]
    assert not any("seclabel" in each for kind, each in options.items() if kind != "proc")
