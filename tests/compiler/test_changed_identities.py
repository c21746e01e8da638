"""Roles and users that have changed, and rules about roles: what comes of them is what a whole compilation gives."""

import pytest
from tests.compiler.changing_policies import BASE
from tests.compiler.recompiling import followed, whole

MORE = """
(type late) (roletype r late) (role last) (roleattribute group) (userrole u group)
(constrain (file (read)) (or (eq r1 group) (or (eq r2 last) (eq u2 u))))
(roletransition group some process r)
(genfscon proc "/" (u r late ((s0) (s0)))) (filecon "/u" any (u r late ((s0) (s0))))
(optional o (roletransition q b process r) (roleallow r q) (roleallow q group))
(optional o (allow a p (file (open))))
"""


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("", "(role other)"),
        ("(role other)(role q)", "(role q)"),
        ("(role other)(role q)(roletype q c)", "(role q)(role other)(roletype other a)(roletype q b)"),
        ("(role q)(roleallow r q)", "(role p)(roleallow p r)(role q)(roleallow q p)(roleallow p q)"),
        ("", "(roleattributeset group last)"),
        ("(role q)(roleattributeset group (or r (q)))", "(roleattributeset group (not (last)))(role p)"),
        ("(typeattributeset some d)", "(role q)(roletransition q some dir last)(roleattributeset group (q))"),
        ("(roleattribute q)(roleattributeset q r)", "(roleattribute q)(roleattributeset q (r last))"),
        ("(role q)(block k (role q))", "(role q)(block k (role q)(roleallow q .q))(roleallow k.q r)"),
        ("", "(macro m ((role x)) (roleallow x r))(roleallow last r)(call m (last))(role q)(call m (q))"),
        ("", "(user v)(userrole v r)(userrole v object_r)(userlevel v (s0))(userrange v ((s0) (s0 (c0))))"),
        (
            "(user v)(user w)(userlevel v (s0))(userrange v ((s0) (s0)))(userlevel w (s0))(userrange w ((s0) (s0)))",
            "(user w)(userrole w r)(role q)(userrole w q)(userlevel w (s0 (c0)))(userrange w ((s0) (s0 (c0))))",
        ),
        ("(type p)(boolean p true)", "(boolean p false)"),
    ],
)
def test_changes_are_followed(before: str, now: str) -> None:
    for texts, then in (([BASE, before, MORE], [BASE, now, MORE]), ([before, MORE, BASE], [now, MORE, BASE])):
        assert followed(texts, then) == whole(then)
        assert not whole(then).errors


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("", "(user v)(userrole v r)"),
        ("", "(userlevel u (s0))"),
        ("(userattribute g)(userattributeset g (not (u)))", "(user v)(userattribute g)(userattributeset g (not (u)))"),
        (
            "(user v)(userrole v r)\n(userlevel v (s0 (c0)))(userrange v ((s0) (s0 (c0))))",
            "(user v)(userrole v r)\n(userlevel v (s0 (c0)))(userrange v ((s0) (s0)))",
        ),
        (
            '(role q)(userrole u q)(roletype q a)\n(genfscon sysfs "/" (u q a ((s0) (s0))))(type z)',
            '(role q)(roletype q a)\n(genfscon sysfs "/" (u q a ((s0) (s0))))(type z)',
        ),
        ("(role last)", ""),
    ],
)
def test_what_is_wrong_or_not_followed_is_left_to_a_whole_compilation(before: str, now: str) -> None:
    more = MORE.replace("(role last)", "") if "last" in before else MORE
    assert followed([BASE, before, more], [BASE, now, more]) is None
