"""Makes a policy with a great many type transitions by name, as those of some devices are: run with two paths.

The first is of a kernel policy that it is made from, the second where it is written.
"""

import sys
from itertools import islice, product

from selbox.binary.kernel import read_policy, write_policy
from selbox.model.rules import NamedTransition

TRANSITIONS = 255_000
_NAMES = 600


def main(source: str, target: str) -> None:
    """Make the policy."""
    with open(source, "rb") as stream:
        policy = read_policy(stream.read(), source)
    types = [index for index, each in enumerate(policy.types) if not each.is_attribute]
    directory = policy.class_ids["dir"]
    # Sources come in groups for a name, as a compiler writes out an attribute.
    rows = (
        NamedTransition(source, types[number % 40], directory, f"name-{number}", types[number % 500])
        for number, source in product(range(_NAMES), types[:450])
    )
    with open(target, "wb") as stream:
        stream.write(write_policy(policy._replace(named_transitions=tuple(islice(rows, TRANSITIONS))), 33))


if __name__ == "__main__":
    main(*sys.argv[1:])
