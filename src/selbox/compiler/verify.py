"""Checks the whole: what a policy must have before it can decide anything.

Source: ``cil_pre_verify`` and ``__cil_verify_helper`` of libsepol.
"""

from selbox.compiler.namespace import Symbol
from selbox.compiler.resolution import Resolution
from selbox.model.mls import LevelRange


def verify(resolution: Resolution) -> None:
    """Report what is missing from a resolution."""
    _require(resolution, "class", "cil-no-classes", "classes", "declare one, and its place: `(classorder (…))`")
    _require(
        resolution, "sid", "cil-no-initial-sids", "initial SIDs", "declare them, and their order: `(sidorder (…))`"
    )
    if resolution.settings.mls:
        _require(
            resolution,
            "sensitivity",
            "cil-no-sensitivities",
            "sensitivities although `mls` is true",
            "declare at least one, and the order: `(sensitivity s0) (sensitivityorder (s0))`",
        )
        for user in resolution.numbered["user"]:
            _verify_user(resolution, user)


def _require(resolution: Resolution, kind: str, code: str, words: str, help_text: str) -> None:
    if not resolution.numbered[kind]:
        resolution.program.diagnostics.error(code, f"the policy has no {words}", None, help_text)


def _verify_user(resolution: Resolution, user: Symbol) -> None:
    identities = resolution.identities
    level = identities.user_levels.get(user.id)
    clearance = identities.user_ranges.get(user.id)
    for found, keyword, argument in ((level, "userlevel", "LEVEL"), (clearance, "userrange", "RANGE")):
        if found is None:
            resolution.program.diagnostics.error(
                f"cil-no-{keyword}",
                f"user `{user.name}` has no `{keyword}`",
                user.place.tree.span(user.form, 1),
                f"add one: `({keyword} {user.name} {argument})`",
            )
    if level is not None and clearance is not None and not clearance.contains(LevelRange(level, level)):
        resolution.program.diagnostics.warning(
            "cil-bad-range",
            f"the level of user `{user.name}` is not within its range",
            user.place.tree.span(user.form, 1),
        )
