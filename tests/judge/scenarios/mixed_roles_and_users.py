"""Contexts that differ in user and role: what is created, and what may be entered."""

import os

from tests.judge.stage import Stage, attempt, context_of, file_context, set_attribute

DOMAINS = "maker other"
OBJECTS = "note"
RULES = """
(roletype staff_r maker)
(roletype staff_r other)
(typetransition maker judge.place file note)
(allow maker note (file (create getattr write open)))
(allow maker self (process (setcurrent setfscreate)))
(allow maker other (process (dyntransition)))
"""


def scenario(stage: Stage) -> None:
    stage.run("maker", change, stage.type_name("maker"), stage.type_name("other"), stage.type_name("note"))


def change(own: str, other: str, note: str) -> None:
    attempt("other role", set_attribute, "current", f"system_u:staff_r:{own}:s0")
    attempt("other user and role", set_attribute, "current", f"staff_u:staff_r:{other}:s0")
    attempt("role of objects", set_attribute, "current", f"system_u:object_r:{own}:s0")
    attempt("other level", set_attribute, "current", f"system_u:system_r:{other}:s0-s0:c0.c1023")
    attempt("now", context_of, show=True)
    attempt("create", os.open, "note", os.O_WRONLY | os.O_CREAT)
    attempt("label", file_context, "note", show=True)
    attempt("other user of a file", set_attribute, "fscreate", f"staff_u:object_r:{note}:s0")
    attempt("create with it", os.open, "note2", os.O_WRONLY | os.O_CREAT)
