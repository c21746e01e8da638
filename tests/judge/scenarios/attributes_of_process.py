"""The attributes ``fscreate``, ``sockcreate``, ``keycreate`` and ``exec`` are set, each with its permission."""

from tests.judge.stage import Stage, attempt, context_of, set_attribute

DOMAINS = "setter other"
OBJECTS = "thing"
RULES = "(allow setter self (process (setfscreate setsockcreate setkeycreate setexec)))"
_NAMES = ("fscreate", "sockcreate", "keycreate", "exec", "prev", "current")


def scenario(stage: Stage) -> None:
    stage.run("setter", change, stage.object_context("thing"))
    stage.run("other", change, stage.object_context("thing"))


def change(context: str) -> None:
    for name in _NAMES:
        attempt(f"set {name}", set_attribute, name, context)
        if name not in ("prev", "current"):
            attempt(f"read {name}", context_of, "self", name, show=True)
            attempt(f"{name} to nonsense", set_attribute, name, "nonsense")
            attempt(f"reset {name}", set_attribute, name, "")
