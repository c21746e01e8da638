"""Under ``no_new_privs``, a change of domain takes ``nnp_transition``, or bounds; one that is asked for fails."""

import ctypes

from tests.judge.stage import Stage, execute

DOMAINS = "starter refused granted bounded"
OBJECTS = "refused_file granted_file bounded_file"
RULES = """
(typetransition starter refused_file process refused)
(typetransition starter granted_file process granted)
(typetransition starter bounded_file process bounded)
(typebounds starter bounded)
(typeattribute programs)
(typeattributeset programs (refused granted bounded))
(typeattribute files)
(typeattributeset files (refused_file granted_file bounded_file))
(typeattribute all_of_it)
(typeattributeset all_of_it (starter refused granted bounded))
(allow starter files (file (entrypoint getattr read open map execute execute_no_trans)))
(allow starter all_of_it (process (transition noatsecure siginh rlimitinh sigchld setexec)))
(allow starter granted (process2 (nnp_transition)))
(allow programs files (file (entrypoint getattr read open map execute)))
(allow programs starter (process (sigchld)))
(allow all_of_it starter (fd (use)))
(allow all_of_it starter (fifo_file (write)))
"""
PR_SET_NO_NEW_PRIVS = 38
_SCRIPT = "read context </proc/self/attr/current; echo $context"


def scenario(stage: Stage) -> None:
    for name in ("refused", "granted", "bounded"):
        stage.program(name, f"{name}_file", "/bin/sh")
    stage.run("starter", start, stage)


def start(stage: Stage) -> None:
    ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for name in ("refused", "granted", "bounded"):
        execute(name, f"./{name}", "-c", _SCRIPT)
        execute(f"{name}, asked for", f"./{name}", "-c", _SCRIPT, context=stage.domain_context(name))
