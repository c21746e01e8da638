"""Explanations say nothing but what is decided, and proposals do what they promise, on random policies."""

from functools import reduce
from operator import or_

from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from tests.server.random_policies import IOCTLS, PERMISSIONS, contexts, policies
from tests.strength import tries

from selbox.avc.cache import AccessVectorCache
from selbox.compiler.compile import compile_policy
from selbox.compiler.options import CompileOptions
from selbox.diagnostics import SelboxError, SourceFile
from selbox.explain.changes import proposal_line
from selbox.explain.describe import answer
from selbox.explain.question import Question
from selbox.language.cil import parse
from selbox.model.rules import RuleKind
from selbox.server.decision import ExtendedBase
from selbox.server.explanation import DenialKind, Explanation
from selbox.server.proposal import ChangeSource, ChangeTarget, Proposal, SetBooleans
from selbox.server.securityserver import SecurityServer

UNCHECKED = CompileOptions(disable_neverallow=True)
SETTINGS = settings(
    deadline=None,
    max_examples=tries(60),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking by a compiler takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def make_server(cil: str) -> SecurityServer:
    return SecurityServer(compile_policy([parse(SourceFile("policy.cil", cil))], options=UNCHECKED))


def valid_sids(server: SecurityServer, texts: list[str]) -> list[int]:
    sids = []
    for text in texts:
        try:
            sids.append(server.context_to_sid(text))
        except SelboxError:
            continue
    return sids


def granted(
    server: SecurityServer, source: int, target: int, object_class: int, vector: int, number: int | None
) -> bool:
    """Ask as an object manager does: through a cache, and for the number where the command has one."""
    cache = AccessVectorCache(server)
    ioctl = server.vector("file", ["ioctl"])
    if number is None or object_class != ioctl.object_class or not vector & ioctl.vector:
        return not cache.check(source, target, object_class, vector).denied
    extended = ExtendedBase.IOCTL, number >> 8, number & 0xFF
    plain = vector & ~ioctl.vector
    refined = cache.check_extended(source, target, object_class, ioctl.vector, *extended)
    return not refined.denied and not cache.check(source, target, object_class, plain).denied


def check_explanation(server: SecurityServer, explanation: Explanation, is_granted: bool) -> None:
    assert (not explanation.denied) == is_granted
    assert bool(explanation.reasons) == bool(explanation.denied)
    # every denied permission has a reason, and no reason is about another one
    assert reduce(or_, (each.permissions for each in explanation.reasons), 0) == explanation.denied
    rules = server.policy.rules
    ruled = reduce(
        or_, (rules.data[row] for row, active in explanation.rules if active and rules.kind[row] == RuleKind.ALLOW), 0
    )
    assert explanation.allowed & ~ruled == 0
    unruled = reduce(or_, (each.permissions for each in explanation.reasons if each.kind is DenialKind.NO_RULE), 0)
    assert unruled == explanation.requested & ~ruled
    for reason in explanation.reasons:
        if reason.kind is DenialKind.CONSTRAINT:
            assert not reason.truths[-1]


@SETTINGS
@given(
    policies(),
    st.lists(contexts, min_size=6, max_size=12, unique=True),
    st.integers(1, 31),
    st.sampled_from((None, *IOCTLS)),
)
def test_explanations_agree_with_decisions(cil: str, texts: list[str], vector: int, number: int | None) -> None:
    server = make_server(cil)
    sids = valid_sids(server, texts)
    for source in sids:
        for target in sids:
            for name, permissions in PERMISSIONS.items():
                object_class = server.class_id(name)
                assert object_class is not None
                asked = vector & (1 << len(permissions)) - 1
                if not asked:
                    continue
                explanation = server.explain(source, target, object_class, asked, number)
                check_explanation(server, explanation, granted(server, source, target, object_class, asked, number))
                decision = server.compute_access(source, target, object_class)
                if number is None:
                    assert explanation.allowed == decision.allowed & asked
                    recorded = asked & (decision.allowed & decision.auditallow | ~decision.allowed & decision.auditdeny)
                    assert explanation.audited == recorded
                # what is written of it says the same
                told = answer(server, Question(source, target, object_class, asked, number))
                assert told.denied == server.permission_names(object_class, explanation.denied)


@SETTINGS
@given(
    policies(),
    st.lists(contexts, min_size=2, max_size=8, unique=True),
    st.sampled_from(sorted(PERMISSIONS)),
    st.integers(1, 31),
    st.sampled_from((None, *IOCTLS)),
)
def test_proposals_that_are_written_into_the_policy_allow_the_access(
    cil: str, texts: list[str], name: str, vector: int, number: int | None
) -> None:
    server = make_server(cil)
    object_class = server.class_id(name)
    assert object_class is not None
    asked = vector & (1 << len(PERMISSIONS[name])) - 1
    sids = valid_sids(server, texts)
    assume(asked and len(sids) > 1)
    explanation = server.explain(sids[0], sids[1], object_class, asked, number)
    for proposal in server.propose(explanation):
        assert proposal.changes
        assert allows(cil, server, explanation, proposal), f"{proposal}\n{cil}"


@SETTINGS
@given(
    policies(),
    st.lists(contexts, min_size=2, max_size=8, unique=True),
    st.sampled_from(sorted(PERMISSIONS)),
    st.integers(1, 31),
    st.sampled_from((None, *IOCTLS)),
)
def test_what_would_deny_with_a_rule_denies_in_a_policy_that_has_it(
    cil: str, texts: list[str], name: str, vector: int, number: int | None
) -> None:
    server = make_server(cil)
    asked = server.vector(name, [each for bit, each in enumerate(PERMISSIONS[name]) if vector >> bit & 1])
    sids = valid_sids(server, texts)
    assume(asked.vector and len(sids) > 1)
    explanation = server.explain(sids[0], sids[1], asked.object_class, asked.vector, number)
    assume(explanation.unruled)
    missing = server.permission_names(asked.object_class, explanation.unruled)
    types = (server.policy.types[each.type].name for each in (explanation.source, explanation.target))
    changed = make_server(f"{cil}\n(allow {' '.join(types)} ({name} ({' '.join(missing)})))")
    again = changed.vector(name, missing)
    source, target = (changed.context_to_sid(server.sid_to_context(each)) for each in sids[:2])
    denied = changed.explain(source, target, again.object_class, again.vector, number)
    assert [
        (each.kind, server.permission_names(asked.object_class, each.permissions), each.truths)
        for each in server.reasons_beyond_rules(explanation)
    ] == [
        (each.kind, changed.permission_names(again.object_class, each.permissions), each.truths)
        for each in denied.reasons
    ]


def allows(cil: str, server: SecurityServer, explanation: Explanation, proposal: Proposal) -> bool:
    """Tell whether a proposal holds when somebody who read it compiles the policy with it."""
    policy = server.policy
    line = proposal_line(policy, explanation.source, explanation.target, proposal)
    changed = make_server("\n".join([cil, *(each.cil for each in line.changes)]))
    contexts_ = {"source": explanation.source, "target": explanation.target}
    for each in proposal.changes:
        if isinstance(each, ChangeSource):
            contexts_["source"] = each.context
        elif isinstance(each, ChangeTarget):
            contexts_["target"] = each.context
        elif isinstance(each, SetBooleans):
            changed.set_booleans({policy.booleans[number].name: value for number, value in each.values})
    texts = [server.sid_to_context(server.sid_for(each)) for each in contexts_.values()]
    source, target = (changed.context_to_sid(each) for each in texts)
    numbers = changed.vector(
        policy.classes[explanation.object_class].name,
        policy.classes[explanation.object_class].names(explanation.requested),
    )
    return granted(changed, source, target, numbers.object_class, numbers.vector, explanation.number)
