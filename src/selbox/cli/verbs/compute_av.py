"""``selbox compute_av``: all permissions of one context on another, as ``compute_av`` prints them."""

from selbox.cli.answerers import WHO_ANSWERS
from selbox.cli.computed import EXIT_STATUSES, add_arguments, asked, failed
from selbox.cli.output import JsonValue
from selbox.cli.terminal import Terminal
from selbox.cli.verb import Example, Manual
from selbox.diagnostics import SelboxError
from selbox.typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from argparse import Namespace

    from selbox.userspace.answers import NamedDecision

__all__ = ["MANUAL", "add_arguments", "run"]

MANUAL = Manual(
    description=f"""
Prints what a policy decides about a source context, a target context and a class: the permissions that are allowed,
those that are recorded when they are granted (auditallow), and, where dontaudit rules make a difference, those that
are recorded when they are denied (auditdeny). The output is that of `compute_av` of SELinux's libselinux, to the
letter: permissions in the order of their bits, bits without a name in hexadecimal at the end, and `null` where there
are none.
{WHO_ANSWERS}
""",
    examples=(
        Example(
            "What a domain may do with files of a type:",
            "selbox compute_av --policy my.cil system_u:system_r:my_t:s0 system_u:object_r:my_file_t:s0 file",
        ),
        Example(
            "The same of the policy of the box that it runs in:",
            "selbox run --policy my.cil -- selbox compute_av system_u:system_r:my_t:s0 system_u:object_r:etc_t:s0 dir",
        ),
    ),
    exit_statuses=EXIT_STATUSES,
)

_ALL = 0xFFFFFFFF


class Vectors(NamedTuple):
    """A decision."""

    decision: "NamedDecision"

    @property
    def exit_status(self) -> int:
        """0: what cannot be decided is no result."""
        return 0

    def to_text(self, terminal: Terminal) -> str:  # noqa: ARG002 - every result is asked so
        """Return a line for each access vector that says something."""
        decision = self.decision
        lines = [f"allowed={self._shown(decision.allowed)}"]
        if decision.decided != _ALL:
            lines.append(f"decided={self._shown(decision.decided)}")
        if decision.auditallow:
            lines.append(f"auditallow={self._shown(decision.auditallow)}")
        if decision.auditdeny != _ALL:
            lines.append(f"auditdeny{self._shown(decision.auditdeny)}")  # the original has no sign here
        return "\n".join(lines)

    def _shown(self, vector: int) -> str:
        """Write an access vector. Source: ``print_access_vector`` of libselinux."""
        if not vector:
            return " null"
        words = []
        for bit, name in enumerate(self.decision.permissions):
            if vector >> bit & 1:
                if not name:
                    break
                words.append(name)
                vector &= ~(1 << bit)
        return f" {{ {' '.join([*words, *([f'{vector:#x}'] if vector else [])])} }}"

    def to_json(self) -> JsonValue:
        """Return the names in each access vector."""
        decision = self.decision
        vectors = {
            "allowed": decision.allowed,
            "decided": decision.decided,
            "auditallow": decision.auditallow,
            "auditdeny": decision.auditdeny,
        }
        names = [(bit, name) for bit, name in enumerate(decision.permissions) if name]
        return {each: [name for bit, name in names if vector >> bit & 1] for each, vector in vectors.items()}


def run(arguments: "Namespace") -> Vectors:
    """Decide."""
    found = asked(arguments)
    try:
        return Vectors(found.compute_av(arguments.scontext, arguments.tcontext, arguments.tclass))
    except SelboxError as error:
        raise failed(error) from None
