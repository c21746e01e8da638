"""What denies an access under Debian's policies, as audit2why sees it, from records."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from tests.debian.policies import by_selbox
from tests.oracles.audit2why import findings, needs_audit2why

from selbox.audit.accesslines import logged_accesses
from selbox.binary.kernel import read_policy
from selbox.diagnostics import Diagnostic, SelboxError
from selbox.explain.question import Question
from selbox.explain.recorded import recorded_questions
from selbox.explain.shortcontext import complete_context
from selbox.model.bitset import members
from selbox.model.context_text import format_context
from selbox.model.policy import Policy
from selbox.model.rules import UNCONDITIONAL, RuleKind
from selbox.server.explanation import DenialKind
from selbox.server.proposal import SetBooleans
from selbox.server.securityserver import SecurityServer

pytestmark = [pytest.mark.oracle, needs_audit2why]

Asked = tuple[str, str, str, tuple[str, ...]]

KINDS = {
    DenialKind.NO_RULE: "TERULE",
    DenialKind.CONSTRAINT: "CONSTRAINT",
    DenialKind.ROLE: "RBAC",
    DenialKind.BOUNDS: "BOUNDS",
}
"""In the order in which audit2why looks for them."""


def asked_about(policy: Policy, random: Random) -> Iterator[Asked]:
    """Draw accesses that rules are about, conditional ones above all, in contexts that differ in level and role."""
    rules = policy.rules
    allowing = [row for row in range(len(rules)) if rules.kind[row] == RuleKind.ALLOW]
    conditional = [row for row in allowing if rules.condition[row] != UNCONDITIONAL]
    process = policy.class_ids["process"]
    of_processes = [row for row in allowing if rules.object_class[row] == process]
    levels = ("s0", "s0:c1", "s0-s0:c0.c1023", "s0:c2.c5")
    for rows, count in ((conditional, 100), (of_processes, 100), (allowing, 150)):
        for row in random.sample(rows, count):
            rule = rules[row]
            types = [random.choice(tuple(members(policy.types[each].types))) for each in (rule.source, rule.target)]
            level = random.choice(levels)
            texts = [f"{policy.types[each].name}:{level}" for each in types]
            try:
                contexts = [format_context(policy, complete_context(policy, each)[0]) for each in texts]
            except SelboxError:  # no user of the role has the clearance
                continue
            named = policy.classes[rule.object_class]
            wanted = {random.choice(named.names(rule.data)), random.choice(named.permissions)}
            yield contexts[0], contexts[1], named.name, tuple(sorted(wanted))


def record(asked: Asked) -> str:
    source, target, object_class, permissions = asked
    return (
        f'type=AVC msg=audit(1.000:2): avc:  denied  {{ {" ".join(permissions)} }} for  pid=1 comm="x" '
        f"scontext={source} tcontext={target} tclass={object_class} permissive=0"
    )


def finding(server: SecurityServer, question: Question) -> tuple[str, tuple[str, ...]]:
    """Return what is found out about an access in audit2why's words."""
    explanation = server.explain(*question[:5])
    kinds = {each.kind for each in explanation.reasons}
    kind = next((word for each, word in KINDS.items() if each in kinds), "ALLOW")
    if kind != "TERULE":
        return kind, ()
    changes = [each.changes[0] for each in server.propose(explanation) if len(each.changes) == 1]
    booleans = [each.values[0][0] for each in changes if isinstance(each, SetBooleans) and len(each.values) == 1]
    if booleans:
        return "BOOLEAN", tuple(sorted(server.policy.booleans[each].name for each in booleans))
    # audit2why looks at what was asked for, also where that is granted
    decision = server.compute_access(question.source, question.target, question.object_class)
    return ("DONTAUDIT" if question.vector & ~decision.auditdeny else "TERULE"), ()


@pytest.mark.parametrize("name", ["default", "mls"])
def test_findings_agree(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path: Path = by_selbox(name, tmp_path_factory)
    policy = read_policy(path.read_bytes(), str(path))
    server = SecurityServer(policy)
    asked = list(dict.fromkeys(asked_about(policy, Random(7))))  # noqa: S311 - to vary questions
    warnings: list[Diagnostic] = []
    questions = recorded_questions(server, logged_accesses(map(record, asked), warnings), warnings)
    assert warnings == []
    seen: Counter[str] = Counter()
    for each, question, expected in zip(asked, questions, findings(path, asked), strict=True):
        assert finding(server, question) == expected, each
        seen[expected.kind] += 1
    assert {"ALLOW", "TERULE", "BOOLEAN", "CONSTRAINT", "DONTAUDIT"} <= set(seen), seen
