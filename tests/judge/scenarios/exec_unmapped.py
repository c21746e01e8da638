"""A program's own domain must be let map it, and use what the domain before opened, or it ends before it begins."""

from tests.judge.stage import Stage, execute

DOMAINS = "starter stranger unmapping unreading"
OBJECTS = "stranger_file unmapping_file unreading_file staying_file"
RULES = """
(typetransition starter stranger_file process stranger)
(typetransition starter unmapping_file process unmapping)
(typetransition starter unreading_file process unreading)
(typeattribute started)
(typeattributeset started (stranger unmapping unreading))
(typeattribute programs)
(typeattributeset programs (stranger_file unmapping_file unreading_file))
(allow starter programs (file (getattr read open map execute)))
(allow starter staying_file (file (getattr read open execute execute_no_trans)))
(allow starter started (process (transition noatsecure siginh rlimitinh)))
(allow started starter (process (sigchld)))
(allow unmapping starter (fd (use)))
(allow unreading starter (fd (use)))
(allow stranger stranger_file (file (entrypoint getattr read open map execute)))
(allow unmapping unmapping_file (file (entrypoint getattr read open execute)))
(allow unreading unreading_file (file (entrypoint getattr open map execute)))
"""


def scenario(stage: Stage) -> None:
    for name in ("stranger", "unmapping", "unreading", "staying"):
        stage.program(name, f"{name}_file", "/bin/true")
    stage.run("starter", start)


def start() -> None:
    for name in ("stranger", "unmapping", "unreading", "staying"):
        execute(name, f"./{name}")
