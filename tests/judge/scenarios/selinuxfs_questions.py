"""The security server is asked through selinuxfs: each kind of question takes a permission of class security."""

import os

from tests.judge.stage import Stage, attempt, read_file

DOMAINS = "asker other"
OBJECTS = "data"
RULES = """
(typeattribute askers)
(typeattributeset askers (asker other))
(allow askers .security_t (dir (getattr search read open)))
(allow askers .security_t (file (getattr read write open)))
(allow askers .sysfs_t (dir (getattr search)))
(allow asker .security_t (security (compute_av compute_create compute_relabel compute_member check_context)))
"""
_CLASS_FILE = "/sys/fs/selinux/class/file/index"


def scenario(stage: Stage) -> None:
    stage.run("asker", ask, stage.domain_context("asker"), stage.object_context("data"))
    stage.run("other", ask, stage.domain_context("other"), stage.object_context("data"))


def ask(source: str, target: str) -> None:
    index = int(attempt("class", read_file, _CLASS_FILE) or b"0")
    for node in ("access", "create", "relabel", "member"):
        attempt(node, question, node, f"{source} {target} {index}")
    attempt("context", question, "context", target)
    attempt("user", question, "user", f"{source} system_u")
    for node, value in (
        ("enforce", "0"),
        ("commit_pending_bools", "1"),
        ("booleans/allow_execmem", "1"),
        ("load", "x"),
    ):
        attempt(node, question, node, value)


def question(node: str, text: str) -> None:
    """Write to a node of selinuxfs."""
    descriptor = os.open(f"/sys/fs/selinux/{node}", os.O_RDWR)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
