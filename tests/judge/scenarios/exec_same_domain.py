"""A program is executed without a change of domain, which takes ``execute_no_trans``; and its interpreter is asked."""

import os

from tests.judge.stage import Stage, execute

DOMAINS = "starter stayer"
OBJECTS = "program_file script_file"
RULES = """
(typeattribute starters)
(typeattributeset starters (starter stayer))
(allow starters program_file (file (getattr read open map execute)))
(allow starters script_file (file (getattr read open execute)))
(allow stayer script_file (file (execute_no_trans)))
(allow stayer program_file (file (execute_no_trans)))
"""


def scenario(stage: Stage) -> None:
    stage.program("program", "program_file", "/bin/sh")
    stage.file("script", "script_file", f"#!{os.path.abspath('program')}\nexit 4\n", mode=0o777)
    stage.file("plain", "script_file", "exit 5\n", mode=0o777)
    stage.file("no_interpreter", "script_file", "#!/nowhere/at/all\n", mode=0o777)
    stage.file("not_executable", "script_file", "#!/bin/sh\n", mode=0o666)
    for domain in ("starter", "stayer"):
        stage.run(domain, start)


def start() -> None:
    execute("program", "./program", "-c", "exit 3")
    execute("script", "./script")
    execute("no format", "./plain")
    execute("no interpreter", "./no_interpreter")
    execute("not executable", "./not_executable")
    execute("missing", "./missing")
    execute("directory", ".")
