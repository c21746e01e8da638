"""A kernel policy with other defaults of its booleans, in the same version and the same bytes otherwise."""

import os
from collections.abc import Mapping

from selbox.binary.kernel import read_policy, write_policy
from selbox.diagnostics import Diagnostics, SelboxError, did_you_mean
from selbox.store.inputs import ORIGINS_ENDING, Input, read_input
from selbox.store.policyfiles import written_version


def with_boolean_defaults(given: Input, values: Mapping[str, bool], diagnostics: Diagnostics) -> bytes:
    """Return the binary of a kernel policy whose booleans have other defaults.

    Args:
        given: the policy.
        values: by name; booleans that are not named keep their default.
        diagnostics: takes the warnings.

    Raises:
        SelboxError: ``unknown-boolean``; or with the section and the byte where the policy is broken.

    Source: ``sepol_bool_set`` and ``evaluate_conds`` of libsepol: what conditions come to is written as well.
    """
    policy = read_policy(given.content, given.name, diagnostics)
    known = policy.boolean_ids
    booleans = list(policy.booleans)
    for name, value in values.items():
        if name not in known:
            words = f"the policy has no boolean `{name}`"
            raise SelboxError.of("unknown-boolean", words, help=did_you_mean(name, known))
        booleans[known[name]] = booleans[known[name]]._replace(default=value)
    return write_policy(policy._replace(booleans=tuple(booleans)), written_version(given.content), diagnostics)


def places_for(given: Input, binary: bytes, diagnostics: Diagnostics) -> bytes | None:
    """Return the file of places for a binary that was made of a policy; None where the policy has none.

    Args:
        given: the policy, whose rules are the binary's, in the same order.
        binary: what was made of it.
        diagnostics: takes a warning for a file that is not the policy's.
    """
    beside = given.name + ORIGINS_ENDING
    if not os.path.exists(beside):
        return None
    from selbox.binary.origins import moved_origins

    try:
        return moved_origins(read_input(beside).content, given.content, binary, beside)
    except SelboxError as error:
        for each in error.diagnostics:
            diagnostics.warning(each.code, each.message, each.span, each.help)
        return None
