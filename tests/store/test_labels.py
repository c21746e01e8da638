import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from selbox.diagnostics import SelboxError
from selbox.store.birthtime import birth_time
from selbox.store.labels import LabelStore

CONTEXT = "u:object_r:secret_t:s0:c1"


def numbers(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "labelled"
    path.touch()
    if birth_time(str(path)) is None:
        pytest.skip("this file system knows no birth times")
    return path


def test_in_memory() -> None:
    store = LabelStore()
    assert store.get(1, 2) is None
    store.set(1, 2, CONTEXT)
    store.set(1, 3, "other")
    assert (store.get(1, 2), store.get(1, 3), store.get(2, 2)) == (CONTEXT, "other", None)
    store.forget(1, 2)
    assert store.get(1, 2) is None
    assert len(store) == 1


def test_nothing_is_imported_or_written_without_a_file() -> None:
    program = "import sys, selbox.store.labels as labels; labels.LabelStore(); sys.exit('sqlite3' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_labels_outlive_the_store(tmp_path: Path, file: Path) -> None:
    name = str(tmp_path / "labels.db")
    with LabelStore(name) as store:
        store.set(*numbers(file), CONTEXT, str(file))
    with LabelStore(name) as store:
        assert store.get(*numbers(file)) is None, "not trusted before it was compared"
        assert store.get(*numbers(file), str(file)) == CONTEXT
        assert store.get(*numbers(file)) == CONTEXT
        store.forget(*numbers(file))
    with LabelStore(name) as store:
        assert len(store) == 0


def test_a_reused_inode_number_does_not_keep_the_old_label(tmp_path: Path, file: Path) -> None:
    """The number is made to be reused by storing the label of another file under it."""
    name = str(tmp_path / "labels.db")
    device, inode = numbers(file)
    time.sleep(0.05)  # birth times count in ticks of the kernel's clock
    later = tmp_path / "later"
    later.touch()
    with LabelStore(name) as store:
        store.set(device, inode, CONTEXT, str(later))
        assert store.get(device, inode, str(file)) is None
        assert len(store) == 0
        store.set(device, inode, CONTEXT, str(later))
    with LabelStore(name) as store:
        assert store.get(device, inode, str(file)) is None
    with LabelStore(name) as store:
        assert len(store) == 0


def test_a_vanished_path_gives_no_label_and_loses_none(tmp_path: Path, file: Path) -> None:
    store = LabelStore()
    store.set(*numbers(file), CONTEXT, str(file))
    assert store.get(*numbers(file), str(tmp_path / "gone")) is None
    assert store.get(*numbers(file), str(file)) == CONTEXT


def test_without_birth_time_a_label_lives_with_the_box(tmp_path: Path, file: Path) -> None:
    name = str(tmp_path / "labels.db")
    with LabelStore(name) as store:
        store.set(*numbers(file), CONTEXT, str(file))
        store.set(*numbers(file), "later")
        store.set(7, 8, CONTEXT, "/proc/version")
        assert (store.get(*numbers(file)), store.get(7, 8)) == ("later", CONTEXT)
    with LabelStore(name) as store:
        assert len(store) == 0


def test_numbers_of_64_bits(tmp_path: Path, file: Path) -> None:
    name = str(tmp_path / "labels.db")
    with LabelStore(name) as store:
        store.set(1, 2**64 - 1, CONTEXT, str(file))
    with LabelStore(name) as store:
        assert store.get(1, 2**64 - 1, str(file)) == CONTEXT


def test_a_killed_box_leaves_whole_labels(tmp_path: Path, file: Path) -> None:
    name = str(tmp_path / "labels.db")
    program = """
import os, sys
from selbox.store.labels import LabelStore
store = LabelStore(sys.argv[1])
for inode in range(100):
    store.set(1, inode, "u:r:t:s0", sys.argv[2])
os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", program, name, str(file)], check=False).returncode == -9
    with LabelStore(name) as store:
        assert [store.get(1, inode, str(file)) for inode in range(100)] == ["u:r:t:s0"] * 100


def test_files_that_cannot_be_a_store(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no database at all, " * 100)
    other = tmp_path / "other.db"
    database = sqlite3.connect(other)
    database.execute("CREATE TABLE t (a)")
    database.close()
    newer = tmp_path / "newer.db"
    LabelStore(str(newer)).close()
    database = sqlite3.connect(newer)
    database.execute("PRAGMA user_version = 9")
    database.close()
    messages = {text: "cannot be used", other: "another program", newer: "format 9"}
    messages |= {tmp_path / "no" / "such": "cannot be opened", tmp_path: "cannot be opened"}
    for name, message in messages.items():
        with pytest.raises(SelboxError, match=message) as caught:
            LabelStore(str(name))
        assert caught.value.diagnostics[0].code == "label-store-file"


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path, file: Path) -> None:
    name = str(tmp_path / "labels.db")
    with LabelStore(name) as store:
        other = sqlite3.connect(name)
        other.execute("DROP TABLE labels")
        other.close()
        with pytest.raises(SelboxError, match="cannot be written"):
            store.set(*numbers(file), CONTEXT, str(file))


def test_birth_time_follows_descriptors(file: Path) -> None:
    descriptor = os.open(file, os.O_PATH)
    try:
        born = birth_time(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
    assert born == birth_time(str(file))
    assert birth_time("/nosuch") is None
    assert born is not None
    # The birth time is not after the last change.
    assert born <= file.stat().st_ctime_ns
