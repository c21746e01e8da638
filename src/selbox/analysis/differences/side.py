"""One of the policies that are compared."""

from selbox.analysis.catalogue import Catalogue
from selbox.model.policy import Policy
from selbox.typing import NamedTuple


class Side(NamedTuple):
    """A policy.

    Attributes:
        policy: all of it.
        catalogue: the same, laid out for searches.
    """

    policy: Policy
    catalogue: Catalogue
