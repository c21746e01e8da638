"""The dynamic loader that a program names is opened in the domain that starts it, and mapped in the one it runs in."""

from pathlib import Path

from tests.judge.stage import Stage, execute

DOMAINS = "starter started"
OBJECTS = """program_file staying_file any_loader unexecuted_loader unread_loader
    unmapped_loader unreadable_loader unexecutable_loader own_loader"""
RULES = """
(typetransition starter program_file process started)
(typeattribute loaders)
(typeattributeset loaders (any_loader unmapped_loader unreadable_loader unexecutable_loader own_loader))
(allow starter program_file (file (getattr read open map execute)))
(allow starter staying_file (file (getattr read open map execute)))
(allow starter staying_file (file (execute_no_trans)))
(allow starter loaders (file (read open execute)))
(allow starter unexecuted_loader (file (read open map)))
(allow starter unread_loader (file (map execute)))
(allow starter any_loader (file (map)))
(allow starter started (process (transition noatsecure siginh rlimitinh)))
(allow started starter (process (sigchld)))
(allow started starter (fd (use)))
(allow started program_file (file (entrypoint getattr read open map execute)))
(allow started any_loader (file (read map execute)))
(allow started unmapped_loader (file (read execute)))
(allow started unreadable_loader (file (map execute)))
(allow started unexecutable_loader (file (read map)))
(allow started own_loader (file (read map execute)))
"""
_NAMED = b"/lib64/ld-linux-x86-64.so.2"
_LOADERS = ("any", "unexecuted", "unread", "unmapped", "unreadable", "unexecutable", "own")


def scenario(stage: Stage) -> None:
    for name in _LOADERS:
        stage.program(f"{name}.so", f"{name}_loader", _NAMED.decode())
    for name in (*_LOADERS, "missing"):
        for label in ("program", "staying"):
            stage.program(f"{label}-{name}", f"{label}_file", "/bin/true")
            program = Path(f"{label}-{name}")
            program.write_bytes(program.read_bytes().replace(_NAMED, f"./{name}.so".encode().ljust(len(_NAMED), b"\0")))
    stage.file("script", "staying_file", "#!./staying-own\n", mode=0o777)
    stage.file("refused", "staying_file", "#!./staying-unread\n", mode=0o777)
    stage.run("starter", start)


def start() -> None:
    for label in ("program", "staying"):
        for name in (*_LOADERS, "missing"):
            execute(f"{label} {name}", f"./{label}-{name}")
    execute("script", "./script")
    execute("refused", "./refused")
