"""Effective access: what the server says about each pair of contexts, put together."""

from collections.abc import Iterator

import pytest
from tests.analysis.everything import compiled
from tests.compiler.policies import compile_texts
from tests.oracles.commandlines import EVERYTHING

from selbox.analysis import ClassCriterion, EffectiveAccessQuery, NameCriterion, PermissionCriterion
from selbox.diagnostics import SelboxError
from selbox.model.context import Context
from selbox.model.mls import Level, LevelRange
from selbox.model.policy import Policy
from selbox.server.securityserver import SecurityServer

PROCESSES = ("init_t", "kernel_t", "httpd_t", "httpd_child_t")
"""Types that a role may have: those of the policy's ``roletype`` statements."""


def contexts(policy: Policy, type_id: int) -> Iterator[Context]:
    """Every user and role that go with a type, over the user's range, at its ends, and at levels beside one another."""
    is_process = policy.types[type_id].name in PROCESSES
    for role_id, role in enumerate(policy.roles):
        if (role_id != 0) != is_process or not (role.types >> type_id & 1 or role_id == 0):
            continue
        for user_id, user in enumerate(policy.users):
            if role_id and not user.roles >> role_id & 1:
                continue
            low, high = user.range
            ranges = {LevelRange(low, low), LevelRange(high, high), user.range}
            if (high.categories & ~low.categories).bit_count() > 1:
                lowest = (high.categories & ~low.categories) & -(high.categories & ~low.categories)
                for categories in (low.categories | lowest, high.categories & ~lowest):
                    ranges.add(LevelRange(Level(high.sensitivity, categories), Level(high.sensitivity, categories)))
            for level_range in ranges:
                yield Context(user_id, role_id, type_id, level_range)


def one_by_one(policy: Policy, booleans: dict[str, bool], object_class: str) -> dict[tuple[str, str], tuple[int, int]]:
    """What any and what all contexts are granted, by names of types, asked one by one."""
    server = SecurityServer(policy)
    server.set_booleans(booleans)
    class_id = policy.class_ids[object_class]
    answers = {}
    for source in PROCESSES:
        for target_id, target in enumerate(policy.types):
            if target.is_attribute:
                continue
            vectors = [
                server.compute_access(server.sid_for(own), server.sid_for(other), class_id).allowed
                for own in contexts(policy, policy.type_ids[source])
                for other in contexts(policy, target_id)
            ]
            some, every = 0, -1
            for each in vectors:
                some |= each
                every &= each
            if some:
                answers[source, target.name] = some, every
    return answers


@pytest.mark.parametrize("values", [(False, False, False), (True, False, False), (False, True, True)])
@pytest.mark.parametrize("object_class", ["file", "dir", "process"])
def test_the_answers_are_those_about_every_pair(object_class: str, values: tuple[bool, ...]) -> None:
    booleans = dict(zip(("can_shadow", "can_tmp", "third"), values, strict=True))
    policy = compiled()
    query = EffectiveAccessQuery(classes=ClassCriterion((object_class,)), booleans=booleans)
    found = list(query.results(policy))
    vector = policy.classes[policy.class_ids[object_class]].vector
    answers = {
        (each.source, each.target): (vector(list(each.permissions)), vector(list(each.always)))
        for each in found
        if not each.permissive
    }
    expected = one_by_one(policy, booleans, object_class)
    assert answers == {pair: both for pair, both in expected.items() if pair[0] != "init_t"}


def test_what_depends_on_the_level_is_shown_with_contexts_for_which_it_holds() -> None:
    policy = compiled()
    query = EffectiveAccessQuery(
        NameCriterion("httpd_t"),
        NameCriterion("httpd_tmp_t"),
        ClassCriterion(("file",)),
        PermissionCriterion(("write",)),
    )
    (found,) = query.results(policy)
    assert (found.permissions, found.always) == (("write",), ())
    server = SecurityServer(policy)
    sids = server.context_to_sid(found.source_context), server.context_to_sid(found.target_context)
    file_class = policy.class_ids["file"]
    assert server.compute_access(*sids, file_class).allowed & policy.classes[file_class].vector(["write"])


def test_levels_of_which_neither_dominates_the_other_are_tried() -> None:
    more = "(allow httpd_t httpd_tmp_t (file (append))) (mlsconstrain (file (append)) (or (dom l1 l2) (domby l1 l2)))"
    query = EffectiveAccessQuery(
        NameCriterion("httpd_t"),
        NameCriterion("httpd_tmp_t"),
        ClassCriterion(("file",)),
        PermissionCriterion(("append",)),
    )
    (found,) = query.results(compile_texts(EVERYTHING.read_text(), more))
    assert (found.permissions, found.always) == (("append",), ())


def test_a_permissive_source_goes_on_whatever_it_is_denied() -> None:
    query = EffectiveAccessQuery(
        target=NameCriterion("unused_t"),
        classes=ClassCriterion(("file",)),
        permissions=PermissionCriterion(("append",)),
    )
    assert [each.text for each in query.results(compiled())] == ["allow init_t unused_t:file append;  # permissive"]


def test_capabilities_are_asked_for_of_a_process_itself() -> None:
    everything = EVERYTHING.read_text().replace("(class passwd (passwd))", "(class capability (chown))")
    everything = everything.replace("netlink_route_socket passwd)", "netlink_route_socket capability)")
    more = "(allow domain domain (capability (chown))) (constrain (capability (chown)) (and (eq u1 u2) (eq l1 l2)))"
    policy = compile_texts(everything, more)
    found = list(
        EffectiveAccessQuery(NameCriterion("web_domain"), classes=ClassCriterion(("capability",))).results(policy)
    )
    assert [each.text for each in found] == [
        "allow httpd_child_t httpd_child_t:capability chown;",
        "allow httpd_t httpd_t:capability chown;",
    ]


def test_a_type_that_no_process_has_is_no_source() -> None:
    assert not list(EffectiveAccessQuery(source=NameCriterion("etc_t")).results(compiled()))


def test_names_that_are_not_there_are_refused() -> None:
    with pytest.raises(SelboxError):
        list(EffectiveAccessQuery(target=NameCriterion("no_such_t")).results(compiled()))
    with pytest.raises(SelboxError):
        list(EffectiveAccessQuery(target=NameCriterion("etc_t"), booleans={"no_such": True}).results(compiled()))


def test_the_table_has_the_columns_of_an_answer() -> None:
    table = EffectiveAccessQuery(target=NameCriterion("shadow_t"), booleans={"can_shadow": True}).table(compiled())
    assert table.columns[:4] == ("source", "target", "object_class", "permissions")
    assert table.rows
