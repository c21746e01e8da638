"""Questions that audit records ask."""

from collections.abc import Iterable

from selbox.audit.accesslines import AccessLine
from selbox.diagnostics import Diagnostic, SelboxError
from selbox.explain.question import Question
from selbox.server.securityserver import SecurityServer


def recorded_questions(
    server: SecurityServer, accesses: Iterable[AccessLine], warnings: list[Diagnostic]
) -> tuple[Question, ...]:
    """Return the questions of records, each once with how often it was asked, in the order of the records.

    Args:
        server: to be asked.
        accesses: what the records tell of.
        warnings: takes a diagnostic for each record that cannot be asked about: its contexts are not valid under this
            policy, or the policy rejects names that it does not define.
    """
    counts: dict[tuple[str, str, str, frozenset[str], int | None], list[AccessLine]] = {}
    for line in accesses:
        each = line.access
        key = each.scontext, each.tcontext, each.tclass, frozenset(each.permissions), each.number
        counts.setdefault(key, []).append(line)
    questions: list[Question] = []
    for same in counts.values():
        first = same[0].access
        try:
            sids = server.context_to_sid(first.scontext), server.context_to_sid(first.tcontext)
            numbers = server.vector(first.tclass, first.permissions)
        except SelboxError as error:
            place = f"record in line {same[0].line}"
            warnings += [fault._replace(message=f"{place}: {fault.message}") for fault in error.diagnostics]
            continue
        questions.append(Question(*sids, numbers.object_class, numbers.vector, first.number, times=len(same)))
    return tuple(questions)
