"""What denies recorded accesses, by the array, is what denies them one by one."""

from itertools import product

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.server.random_policies import BOOLEANS, contexts, policies
from tests.strength import tries

from selbox.compiler.compile import compile_policy
from selbox.compiler.options import CompileOptions
from selbox.diagnostics import SourceFile
from selbox.language.cil import parse
from selbox.model.context import Context
from selbox.model.policy import Policy
from selbox.server import causes
from selbox.server.causearrays import CauseArrays
from selbox.server.causes import CauseFinder, CauseKind
from selbox.server.contexttexts import ContextTexts
from selbox.server.evaluation import Access
from selbox.server.securityserver import SecurityServer

UNCHECKED = CompileOptions(disable_neverallow=True)
BOUNDS = ("", "(typebounds ta tb)(typebounds tb tc)")
drawn = settings(
    max_examples=tries(60),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def server_of(cil: str, value: bool) -> SecurityServer:
    server = SecurityServer(compile_policy([parse(SourceFile("policy.cil", cil))], options=UNCHECKED))
    server.set_booleans(dict.fromkeys(BOOLEANS, value))
    return server


def accesses(policy: Policy, texts: list[str]) -> list[Access]:
    """Return all accesses between contexts to one permission, and to all of a class."""
    read = ContextTexts(policy).read
    valid: list[Context] = [each for each in map(read, texts) if each is not None]
    vectors = [
        (number, vector)
        for number, each in enumerate(policy.classes)
        for vector in (*(1 << bit for bit in range(len(each.permissions))), (1 << len(each.permissions)) - 1)
        if vector
    ]
    return [Access(*pair, *asked, None) for pair, asked in product(product(valid, valid), vectors)]


@drawn
@given(policies(), st.lists(contexts, min_size=4, max_size=8, unique=True), st.sampled_from(BOUNDS), st.booleans())
def test_what_would_be_withheld_in_spite_of_rules(cil: str, texts: list[str], bounds: str, value: bool) -> None:
    server = server_of(f"{cil}\n{bounds}", value)
    asked = accesses(server.policy, texts)
    finder = server.cause_finder()
    if asked:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(causes, "ARRAYS_SERVE", len(asked) + 1)
            one_by_one = finder.withheld(asked)
        assert CauseArrays(finder.state).withheld(asked) == one_by_one


@drawn
@given(policies(), st.lists(contexts, min_size=4, max_size=8, unique=True), st.sampled_from(BOUNDS), st.booleans())
def test_what_rules_alone_say(cil: str, texts: list[str], bounds: str, value: bool) -> None:
    server = server_of(f"{cil}\n{bounds}", value)
    asked = accesses(server.policy, texts)
    if not asked:
        return
    state = server.cause_finder().state
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(causes, "ARRAYS_SERVE", len(asked) + 1)
        one_by_one = CauseFinder(state).find(asked)
    by_array = CauseArrays(state).ruled(asked)
    for access, expected, found in zip(asked, one_by_one, by_array, strict=True):
        if found is not None:
            assert found == expected, access
        else:
            assert expected.kind not in (CauseKind.RULE, CauseKind.DONTAUDIT) or _waits(state.policy), access


def _waits(policy: Policy) -> bool:
    """Tell whether rules may wait for booleans: those that do not help leave an access to the other rules."""
    return bool(policy.conditionals)


def test_arrays_are_made_for_many_accesses_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causes, "ARRAYS_PAY", 10)
    monkeypatch.setattr(causes, "ARRAYS_SERVE", 4)
    made: list[int] = []

    def ruled(_: CauseArrays, asked: list[Access]) -> list[None]:
        made.append(len(asked))
        return [None] * len(asked)

    monkeypatch.setattr(CauseArrays, "ruled", ruled)
    server = SecurityServer(_small())
    (context,) = [ContextTexts(server.policy).read("u:r:t")]
    assert context is not None
    finder = server.cause_finder()
    for count in (5, 3, 4, 3, 5):
        finder.find([Access(context, context, 0, 1, None)] * count)
    assert made == [4, 5]


def _small() -> Policy:
    text = (
        "(handleunknown deny) (class file (read)) (classorder (file)) (sid kernel) (sidorder (kernel)) (role r) "
        "(user u) (userrole u r) (type t) (roletype r t) (sensitivity s0) (sensitivityorder (s0)) (userlevel u (s0)) "
        "(userrange u ((s0) (s0))) (sidcontext kernel (u r t ((s0) (s0)))) (allow t t (file (read)))"
    )
    return compile_policy([parse(SourceFile("p.cil", text))])
