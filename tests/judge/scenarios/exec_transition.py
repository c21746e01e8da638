"""A program is executed: with a transition rule, with a context that was asked for, and with one that is refused."""

from tests.judge.stage import Stage, attempt, context_of, execute, say, set_attribute

DOMAINS = "starter program other stranger"
OBJECTS = "program_file"
RULES = """
(typetransition starter program_file process program)
(allow starter program_file (file (getattr read open map execute)))
(allow starter program (process (transition)))
(allow starter self (process (setexec)))
(allow program program_file (file (entrypoint getattr read open map execute)))
(allow starter other (process (transition)))
(allow other program_file (file (getattr read open map execute)))
(allow stranger program_file (file (entrypoint getattr read open map execute)))
(typeattribute started)
(typeattributeset started (program other stranger))
(allow started starter (process (sigchld)))
(allow started starter (fd (use)))
"""
_SCRIPT = "read context </proc/self/attr/current; echo $context"


def scenario(stage: Stage) -> None:
    stage.program("program", "program_file", "/bin/sh")
    stage.run("starter", start, stage)


def start(stage: Stage) -> None:
    execute("by the policy", "./program", "-c", _SCRIPT)
    execute("no entry point", "./program", "-c", _SCRIPT, context=stage.domain_context("other"))
    execute("no transition", "./program", "-c", _SCRIPT, context=stage.domain_context("stranger"))
    execute("itself, without execute_no_trans", "./program", "-c", _SCRIPT, context=stage.domain_context("starter"))
    attempt("an invalid one", set_attribute, "exec", "system_u:system_r:no_such_t:s0")
    set_attribute("exec", stage.domain_context("other"))
    say("asked for", context_of(attribute="exec"))
    attempt("taken back", set_attribute, "exec", "")
    say("asked for", repr(context_of(attribute="exec")))
