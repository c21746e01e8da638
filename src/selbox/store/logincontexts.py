"""The context that somebody gets who logs in, by the files that come with a policy beside its binary.

They are in ``/etc/selinux/TYPE``: ``seusers`` has the SELinux user and range of each login, ``contexts/users`` and
``contexts/default_contexts`` the role and type, by the context of the program that lets people in. What is missing or
cannot be read as meant is passed over, as libselinux does.
"""

from collections.abc import Iterator

from selbox.diagnostics import SelboxError
from selbox.model.context_text import format_range
from selbox.server.securityserver import SecurityServer
from selbox.store.selinuxroot import SelinuxRoot
from selbox.typing import Final

_LOGIN: Final = ("system_r", "local_login_t")
_EVERYBODY: Final = "__default__"
_LARGEST: Final = 1 << 20
_USUAL: Final[tuple[tuple[str, str, str], ...]] = (
    ("unconfined_u", "unconfined_r", "unconfined_t"),
    ("root", "sysadm_r", "sysadm_t"),
    ("user_u", "user_r", "user_t"),
)
"""SELinux users of the reference policy, and where their logins lead; ``root`` is for root only."""


def login_context(server: SecurityServer, root: SelinuxRoot | None, login: str) -> str | None:
    """Return the context of a login on the console.

    Args:
        server: the policy.
        root: where the files are; None where there are none, and the reference policy's usual users are tried.
        login: name of the login.

    Returns:
        None when the policy has none that is valid.

    Source: ``getseuserbyname(3)``, ``get_default_context_with_level(3)`` and ``default_contexts(5)``.
    """
    if root is not None:
        named = _user_and_range(root.path("seusers"), login)
        users = [named] if named else [(user, None) for user, *_ in _usual(login)]
        for user, range_ in users:
            for role, type_ in _places(root, user):
                found = _valid(server, user, role, type_, range_)
                if found is not None:
                    return found
    for user, role, type_ in _usual(login):
        found = _valid(server, user, role, type_, None)
        if found is not None:
            return found
    return None


def _usual(login: str) -> Iterator[tuple[str, str, str]]:
    return (each for each in _USUAL if each[0] != "root" or login == "root")


def _user_and_range(path: str, login: str) -> tuple[str, str | None] | None:
    found = {}
    for line in _lines(path):
        name, _, rest = line.partition(":")
        user, _, range_ = rest.partition(":")
        found[name.strip()] = user.strip(), range_.strip() or None
    return found.get(login) or found.get(_EVERYBODY)


def _places(root: SelinuxRoot, user: str) -> Iterator[tuple[str, str]]:
    """Return roles and types that a user may come to from the console, best first."""
    for path in (root.path("contexts", "users", user), root.path("contexts", "default_contexts")):
        for line in _lines(path):
            start, *ways = line.split()
            if tuple(start.split(":")[:2]) == _LOGIN:
                for way in ways:
                    role, _, rest = way.partition(":")
                    yield role, rest.partition(":")[0]


def _valid(server: SecurityServer, user: str, role: str, type_: str, range_: str | None) -> str | None:
    """Return a context, with the range of its user where none is given; None when the policy does not allow it."""
    policy = server.policy
    if user not in policy.user_ids:
        return None
    text = f"{user}:{role}:{type_}"
    if policy.mls:
        text += f":{range_ or format_range(policy, policy.users[policy.user_ids[user]].range)}"
    try:
        return server.sid_to_context(server.context_to_sid(text))
    except SelboxError:
        return None


def _lines(path: str) -> list[str]:
    """Return the lines of a file that say something; none when it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read(_LARGEST)
    except OSError:
        return []
    return [line for each in text.splitlines() if (line := each.strip()) and not line.startswith("#")]
