"""Information flow: in a policy that is looked through by hand, and in random ones beside SETools."""

from pathlib import Path

import pytest
from tests.analysis.flowpolicies import DOMAINS, FILES, flow_policy
from tests.compiler.policies import compile_texts
from tests.oracles.commandlines import CommandLine, by_selbox, by_setools
from tests.oracles.secilc import requires_setools

from selbox.analysis.catalogue import Catalogue
from selbox.analysis.informationflow import InformationFlow
from selbox.binary.kernel import write_policy
from selbox.diagnostics import SourceFile
from selbox.language.permissionmap import PermissionMap, parse_permission_map
from selbox.model.bitset import members

MAP = """\
2
class process 7
    transition w 5
    dyntransition w 10
    setexec n 1
    setcurrent n 1
    signal w 2
    ptrace b 10
    sigchld w 1
class file 7
    read r 10
    write w 10
    append w 6
    getattr r 4
    execute r 1
    entrypoint r 3
    open u 10
"""

POLICY = """\
(handleunknown deny)(mls false)(class file (read write getattr execute open))(classorder (file))
(sid kernel)(sidorder (kernel))(sensitivity s0)(sensitivityorder (s0))
(role object_r)(role r)(user u)(userrole u r)(userrole u object_r)(userlevel u (s0))(userrange u ((s0) (s0)))
(sidcontext kernel (u r writer ((s0) (s0))))
(type writer)(type reader)(type outbox)(type inbox)(type secret)(typeattribute box)(typeattributeset box (outbox inbox))
(roletype r writer)(roletype r reader)
(boolean on true)(boolean off false)
(allow writer box (file (write open)))
(allow reader inbox (file (read)))
(allow reader secret (file (execute)))
(allow writer writer (file (read write)))
(booleanif off (true (allow writer secret (file (read)))) (false (allow reader outbox (file (getattr)))))
"""


def permissions() -> PermissionMap:
    return parse_permission_map(SourceFile("map", MAP))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.of(compile_texts(POLICY))


def steps(flows: InformationFlow, catalogue: Catalogue) -> set[tuple[str, str]]:
    names = catalogue.types
    return {
        (names[source], names[target])
        for source, targets in enumerate(flows.graph.successors)
        for target in members(targets)
    }


WRITES = {("writer", "outbox"), ("writer", "inbox")}
READS = {("inbox", "reader"), ("secret", "writer"), ("outbox", "reader")}


def test_reading_and_writing_lead_opposite_ways(catalogue: Catalogue) -> None:
    assert steps(InformationFlow(catalogue, permissions()), catalogue) == WRITES | READS


def test_steps_of_little_weight_are_followed_on_demand(catalogue: Catalogue) -> None:
    assert steps(InformationFlow(catalogue, permissions(), 1), catalogue) == WRITES | READS | {("secret", "reader")}
    heavy = steps(InformationFlow(catalogue, permissions(), 5), catalogue)
    assert heavy == WRITES | READS - {("outbox", "reader")}


def test_nothing_flows_by_rules_that_are_off(catalogue: Catalogue) -> None:
    flows = InformationFlow(catalogue, permissions(), booleans=catalogue.defaults)
    assert steps(flows, catalogue) == WRITES | READS - {("secret", "writer")}
    flows = InformationFlow(catalogue, permissions(), booleans=[True] * 2)
    assert steps(flows, catalogue) == WRITES | READS - {("outbox", "reader")}


def test_a_rule_that_is_off_adds_weight_unless_flows_are_exact() -> None:
    more = "(allow reader secret (file (execute)))(booleanif off (true (allow reader secret (file (read)))))"
    catalogue = Catalogue.of(compile_texts(POLICY, more))
    off = InformationFlow(catalogue, permissions(), booleans=catalogue.defaults)
    assert ("secret", "reader") in steps(off, catalogue)
    exact = InformationFlow(catalogue, permissions(), booleans=catalogue.defaults, exact=True)
    assert ("secret", "reader") not in steps(exact, catalogue)
    on = InformationFlow(catalogue, permissions(), booleans=[True] * 2, exact=True)
    assert ("secret", "reader") in steps(on, catalogue)


def test_nothing_flows_through_what_is_left_out(catalogue: Catalogue) -> None:
    box, secret = catalogue.type_id("box"), catalogue.type_id("secret")
    assert box is not None
    assert secret is not None
    assert steps(InformationFlow(catalogue, permissions(), excluded=[box]), catalogue) == {("secret", "writer")}
    flows = InformationFlow(catalogue, permissions(), excluded=[secret])
    assert steps(flows, catalogue) == WRITES | READS - {("secret", "writer")}
    assert flows.whole_graph.steps() == len(WRITES | READS) + 1


def test_the_rules_behind_a_step_name_attributes_too(catalogue: Catalogue) -> None:
    flows = InformationFlow(catalogue, permissions())
    writer, inbox = (catalogue.types.index(each) for each in ("writer", "inbox"))
    (row,) = flows.rules(writer, inbox)
    assert catalogue.types[catalogue.rules.target[row]] == "box"
    assert flows.rules(inbox, writer) == []


def test_what_the_map_does_not_know_is_named(catalogue: Catalogue) -> None:
    assert InformationFlow(catalogue, {"file": permissions()["file"]}).unmapped() == []
    unmapped = InformationFlow(catalogue, {}).unmapped()
    assert unmapped == [("file", name) for name in ("read", "write", "getattr", "execute", "open")]


def _questions() -> list[str]:
    values = "one:true,two:false"
    return [
        f"-s {DOMAINS[0]} --full --stats",
        f"-s {FILES[1]} -w 1 --full -b default {DOMAINS[2]}",
        f"-s {DOMAINS[0]} -t {DOMAINS[3]} -S --full -w 4",
        f"-s {DOMAINS[1]} -t {FILES[0]} -S -b {values}",
        f"-s {FILES[2]} -t {DOMAINS[4]} -A 3 -w 2 {FILES[0]} {DOMAINS[5]}",
        f"-s {FILES[2]} -t {FILES[4]} -A 4 -b default --full",
        f"-s {DOMAINS[6]} -t {DOMAINS[6]} -A 2",
    ]


@pytest.mark.oracle
@requires_setools
@pytest.mark.parametrize("seed", range(12))
def test_setools_says_the_same(seed: int, tmp_path: Path) -> None:
    policy, map_file = tmp_path / "policy.33", tmp_path / "map"
    policy.write_bytes(write_policy(compile_texts(flow_policy(seed)), 33))
    map_file.write_text(MAP)
    for question in _questions():
        command = CommandLine("seinfoflow", ("-p", "{0}", "-m", str(map_file), *question.split()))
        assert by_selbox(command, policy) == by_setools(command, policy), question
