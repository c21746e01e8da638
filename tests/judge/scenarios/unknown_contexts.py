"""Files are given contexts that the policy does not know, by who may administer labels and by who may not."""

import os

from tests.judge.stage import ATTRIBUTE, Stage, attempt, file_context

DOMAINS = "able plain"
OBJECTS = "data"
RULES = """
(allow able able (capability2 (mac_admin)))
(allow able able (process (setfscreate)))
(allow plain plain (process (setfscreate)))
(allow able data (file (getattr relabelfrom)))
(allow plain data (file (getattr relabelfrom)))
(allow able .unlabeled_t (file (getattr relabelto)))
(allow plain .unlabeled_t (file (getattr relabelto)))
(allow able .unlabeled_t (dir (getattr create)))
(allow plain .unlabeled_t (dir (getattr create)))
"""
UNKNOWN = "system_u:object_r:nobody_knows_t:s0"


def scenario(stage: Stage) -> None:
    for name in ("one", "two"):
        stage.file(name, "data")
    stage.run("plain", unknown, "one", "first")
    stage.run("able", unknown, "two", "second")
    stage.run("plain", look, "two", "second")
    stage.run("able", look, "two", "second")


def unknown(path: str, directory: str) -> None:
    attempt("relabel", os.setxattr, path, ATTRIBUTE, UNKNOWN.encode())
    attempt("no text at all", os.setxattr, path, ATTRIBUTE, b"")
    attempt("for new files", choose)
    attempt("a directory", os.mkdir, directory)
    look(path, directory)


def choose() -> None:
    attribute = os.open("/proc/self/attr/fscreate", os.O_WRONLY)
    try:
        os.write(attribute, UNKNOWN.encode())
    finally:
        os.close(attribute)


def look(path: str, directory: str) -> None:
    attempt("label of the file", type_of, path, show=True)
    attempt("label of the directory", type_of, directory, show=True)


def type_of(path: str) -> str:
    return file_context(path).split(":")[2]
