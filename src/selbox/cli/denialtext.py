"""A denial in two lines, for people: what was denied of what and to whom, and why."""

from collections.abc import Mapping

from selbox.audit.summary import printable
from selbox.cli.terminal import DIM, RED, YELLOW, Terminal
from selbox.typing import Any


def denial_lines(denial: Mapping[str, Any], terminal: Terminal) -> list[str]:
    """Return the lines of a denial.

    Args:
        denial: ``permissions``, ``tclass``, ``scontext``, ``tcontext``, ``comm``, ``permissive``, ``reasons``, and
            ``object_name``, which may be empty.
        terminal: what they are shown on.
    """
    verdict = terminal.paint("went on", YELLOW) if denial["permissive"] else terminal.paint("denied", RED)
    what = printable(f"{denial['tclass']} {{ {' '.join(denial['permissions'])} }}")
    where = f" {printable(denial['object_name'])}" if denial["object_name"] else ""
    target, source = printable(denial["tcontext"]), printable(denial["scontext"])
    return [
        f"{verdict} {what}{where} ({target}) for {printable(denial['comm'])} ({source})",
        *(terminal.paint(f"        {printable(reason)}", DIM) for reason in denial["reasons"]),
    ]


def with_object_name(denial: Mapping[str, Any]) -> dict[str, Any]:
    """Return a single denial (:meth:`selbox.enforce.recorder.Denial.values`) with the name of its object."""
    fields = denial["fields"]
    return {**denial, "object_name": fields.get("path") or fields.get("name") or ""}
