"""Why a permission was denied: values that the summary of a run and audit tools turn into words."""

from enum import Enum
from typing import NamedTuple


class DenialKind(Enum):
    """What part of policy withholds a permission."""

    NO_RULE = "no rule allows it"
    BOOLEAN = "a conditional rule would allow it, but its boolean is set otherwise"
    CONSTRAINT = "a constraint forbids it"
    ROLE = "no roleallow rule permits the change of role"
    BOUNDS = "the bounding type may not do it"
    UNKNOWN = "the policy does not define the class or permission, and denies unknown ones"


class DenialReason(NamedTuple):
    """One reason.

    Attributes:
        kind: the part of policy.
        permissions: access vector of the denied permissions that it withholds.
        constraint: for ``CONSTRAINT`` the index into ``Policy.constraints``.
        condition: for ``BOOLEAN`` the value of the rules' ``condition`` column.
        bounds: for ``BOUNDS`` the id of the bounding type.
    """

    kind: DenialKind
    permissions: int
    constraint: int | None = None
    condition: int | None = None
    bounds: int | None = None
