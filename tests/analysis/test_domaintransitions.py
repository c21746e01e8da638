"""Domain transitions: in a policy that is looked through by hand, and in random ones beside SETools."""

from pathlib import Path

import pytest
from tests.analysis.flowpolicies import DOMAINS, FILES, flow_policy
from tests.compiler.policies import compile_texts
from tests.oracles.commandlines import CommandLine, by_selbox, by_setools
from tests.oracles.secilc import requires_setools

from selbox.analysis.catalogue import Catalogue
from selbox.analysis.domaintransitions import DomainTransitions
from selbox.binary.kernel import write_policy
from selbox.model.bitset import members

POLICY = """\
(handleunknown deny)(mls false)
(class process (transition dyntransition setexec setcurrent))(class file (execute entrypoint))
(classorder (process file))
(sid kernel)(sidorder (kernel))(sensitivity s0)(sensitivityorder (s0))
(role object_r)(role r)(user u)(userrole u r)(userrole u object_r)(userlevel u (s0))(userrange u ((s0) (s0)))
(sidcontext kernel (u r login ((s0) (s0))))
(type login)(type shell)(type admin)(type worker)(type shell_exec)(type admin_exec)(type worker_exec)
(roletype r login)(roletype r shell)(roletype r admin)(roletype r worker)
(typeattribute domain)(typeattributeset domain (shell admin worker))
(boolean trusted false)
(allow login domain (process (transition)))
(allow login shell_exec (file (execute)))
(allow login admin_exec (file (execute)))
(allow shell shell_exec (file (entrypoint)))
(allow admin admin_exec (file (entrypoint)))
(allow worker worker_exec (file (entrypoint)))
(typetransition login shell_exec process shell)
(allow shell worker (process (dyntransition)))
(allow admin worker (process (dyntransition)))
(allow shell shell (process (setcurrent)))
(booleanif trusted (true (allow login login (process (setexec)))))
"""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.of(compile_texts(POLICY))


def transitions(found: DomainTransitions, catalogue: Catalogue) -> set[tuple[str, str]]:
    names = catalogue.types
    return {
        (names[source], names[target])
        for source, targets in enumerate(found.graph.successors)
        for target in members(targets)
    }


def test_a_program_that_can_be_executed_and_entered_through_and_a_request_are_needed(catalogue: Catalogue) -> None:
    # worker's program cannot be executed by login, and admin may not ask for a domain.
    found = transitions(DomainTransitions(catalogue), catalogue)
    assert found == {("login", "shell"), ("login", "admin"), ("shell", "worker")}


def test_rules_that_are_off_do_not_count(catalogue: Catalogue) -> None:
    found = transitions(DomainTransitions(catalogue, booleans=catalogue.defaults), catalogue)
    assert found == {("login", "shell"), ("shell", "worker")}


def test_what_is_left_out_is_no_domain_and_no_program(catalogue: Catalogue) -> None:
    for name, left in (
        ("shell", {("login", "admin")}),
        ("shell_exec", {("login", "admin"), ("shell", "worker")}),
        ("domain", set()),
    ):
        excluded = catalogue.type_id(name)
        assert excluded is not None
        found = DomainTransitions(catalogue, [excluded])
        assert transitions(found, catalogue) == left
        assert found.whole_graph.steps() == 3


def test_the_parts_of_a_transition_are_named(catalogue: Catalogue) -> None:
    ids = catalogue.types.index
    found = DomainTransitions(catalogue).between(ids("login"), ids("shell"))
    (entrypoint,) = found.entrypoints
    assert entrypoint.type == ids("shell_exec")
    rules = catalogue.rules
    rows = (*found.transition, *found.setexec, *entrypoint.entrypoint, *entrypoint.execute, *entrypoint.type_transition)
    assert [(catalogue.types[rules.source[row]], catalogue.types[rules.target[row]]) for row in rows] == [
        ("login", "domain"),
        ("login", "login"),
        ("shell", "shell_exec"),
        ("login", "shell_exec"),
        ("login", "shell_exec"),
    ]
    assert found.dyntransition == ()
    changed = DomainTransitions(catalogue).between(ids("shell"), ids("worker"))
    assert (changed.transition, changed.entrypoints) == ((), ())
    assert len(changed.dyntransition) == len(changed.setcurrent) == 1


def test_a_policy_without_processes_has_no_transitions() -> None:
    text = POLICY.split("(type login)")[0].replace("login", "only").split("(class process")
    rest = text[1].split("(sid kernel)", 1)[1]
    policy = compile_texts(
        f"{text[0]}(class file (read))(classorder (file))(sid kernel){rest}(type only)(roletype r only)"
    )
    assert DomainTransitions(Catalogue.of(policy)).graph.steps() == 0


def _questions() -> list[str]:
    return [
        *(f"-s {each} --full --stats" for each in DOMAINS),
        f"-s {DOMAINS[0]} -r --full {FILES[0]} {DOMAINS[3]}",
        f"-s {DOMAINS[1]} -t {DOMAINS[3]} -S --full",
        f"-s {DOMAINS[2]} -t {DOMAINS[4]} -A 4 --full",
        f"-s {DOMAINS[2]} -t {DOMAINS[4]} -A 5 -r {FILES[1]}",
        f"-s {DOMAINS[5]} -t {DOMAINS[0]} -S -r {FILES[0]} {FILES[2]} {FILES[4]}",
    ]


@pytest.mark.oracle
@requires_setools
@pytest.mark.parametrize("seed", range(12))
def test_setools_says_the_same(seed: int, tmp_path: Path) -> None:
    policy = tmp_path / "policy.33"
    policy.write_bytes(write_policy(compile_texts(flow_policy(seed)), 33))
    for question in _questions():
        command = CommandLine("sedta", ("-p", "{0}", *question.split()))
        assert by_selbox(command, policy) == by_setools(command, policy), question
