"""Contexts of logins; the expected ones are by hand, by the rules of default_contexts(5) and seusers(5)."""

from pathlib import Path

import pytest

from selbox.compiler.compile import compile_policy
from selbox.diagnostics import SourceFile
from selbox.language.cil import parse
from selbox.server.securityserver import SecurityServer
from selbox.store.logincontexts import login_context
from selbox.store.selinuxroot import SelinuxRoot

POLICY = """
(handleunknown deny) (mls true)
(class file (read)) (class process (fork)) (classorder (file process))
(sid kernel) (sidorder (kernel))
(sensitivity s0) (sensitivityorder (s0))
(category c0) (category c1) (categoryorder (c0 c1)) (sensitivitycategory s0 (c0 c1))
(type kernel_t) (type unconfined_t) (type staff_t) (type sysadm_t) (type user_t)
(role unconfined_r) (role staff_r) (role sysadm_r) (role user_r)
(roletype unconfined_r unconfined_t)
(roletype staff_r staff_t) (roletype sysadm_r sysadm_t) (roletype user_r user_t)
{users}
(sidcontext kernel ({first} ((s0) (s0 (c0 c1)))))
"""
USER = "(user {0}) (userlevel {0} (s0)) (userrange {0} ((s0) (s0 (range c0 c1)))) "


def server(**roles: str) -> SecurityServer:
    """Return a server whose policy has users with roles; the first has the kernel's context."""
    lines = []
    for user, names in roles.items():
        lines.append(USER.format(user) + "".join(f"(userrole {user} {role}) " for role in names.split()))
    first = next(iter(roles))
    lines.append(f"(roletype {roles[first].split()[0]} kernel_t)")
    text = POLICY.format(users="\n".join(lines), first=f"{first} {roles[first].split()[0]} kernel_t")
    return SecurityServer(compile_policy([parse(SourceFile("policy.cil", text))]))


@pytest.fixture
def root(tmp_path: Path) -> SelinuxRoot:
    (tmp_path / "default/contexts/users").mkdir(parents=True)
    return SelinuxRoot(str(tmp_path), "default")


def write(root: SelinuxRoot, name: str, text: str) -> None:
    Path(root.path(name)).write_text(text)


def test_the_users_file_goes_before_the_default_and_the_first_valid_place_counts(root: SelinuxRoot) -> None:
    write(root, "seusers", "# a comment\n\nroot:staff_u:s0-s0:c0\n__default__:user_u:s0\n")
    write(root, "contexts/default_contexts", "system_r:local_login_t:s0 user_r:user_t:s0 staff_r:staff_t:s0\n")
    write(
        root,
        "contexts/users/staff_u",
        "system_r:sshd_t:s0 staff_r:staff_t:s0\nsystem_r:local_login_t:s0\tsysadm_r:gone_t:s0 sysadm_r:sysadm_t:s0\n",
    )
    policy = server(staff_u="staff_r sysadm_r", user_u="user_r")
    assert login_context(policy, root, "root") == "staff_u:sysadm_r:sysadm_t:s0-s0:c0"
    assert login_context(policy, root, "anna") == "user_u:user_r:user_t:s0"


def test_what_a_user_may_not_have_is_passed_over(root: SelinuxRoot) -> None:
    write(root, "seusers", "__default__:user_u:s0\n")
    write(root, "contexts/default_contexts", "system_r:local_login_t sysadm_r:sysadm_t user_r:user_t\n")
    assert login_context(server(user_u="user_r"), root, "anna") == "user_u:user_r:user_t:s0"


@pytest.mark.parametrize("login", ["root", "anna"])
def test_without_files_the_usual_users_are_tried_with_their_own_range(root: SelinuxRoot, login: str) -> None:
    policy = server(unconfined_u="unconfined_r", user_u="user_r")
    expected = "unconfined_u:unconfined_r:unconfined_t:s0-s0:c0,c1"
    assert login_context(policy, None, login) == expected
    assert login_context(policy, root, login) == expected


def test_without_an_unconfined_user_root_is_the_administrator() -> None:
    policy = server(root="sysadm_r", user_u="user_r")
    assert login_context(policy, None, "root") == "root:sysadm_r:sysadm_t:s0-s0:c0,c1"
    assert login_context(policy, None, "anna") == "user_u:user_r:user_t:s0-s0:c0,c1"


def test_under_a_policy_without_such_users_there_is_none(root: SelinuxRoot) -> None:
    write(root, "seusers", "garbage\n:\n__default__\nanna:gone_u:s0\n\xff")
    write(root, "contexts/default_contexts", "system_r:local_login_t\nx\n:::\n")
    assert login_context(server(somebody="staff_r"), root, "anna") is None
