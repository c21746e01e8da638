"""Tries binary policies of the kernel: read, written in the newest version, and read again."""

import sys
from random import Random

from common import Harness, instrumented, main

with instrumented():
    from selbox.binary.kernel import NEWEST_VERSION, read_policy, write_policy
    from selbox.model.policy import Target

_NUMBERS = (0, 1, 2, 3, 4, 8, 31, 32, 33, 63, 64, 65, 128, 0xFF, 0x100, 0x400, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFF)


def run(content: bytes) -> None:
    """Read a policy; what was read must be written so that it is read again the same."""
    policy = read_policy(content, "input")
    version = NEWEST_VERSION if policy.target is Target.SELINUX else None
    written = write_policy(policy, version)
    again = read_policy(written, "written")
    assert write_policy(again, version) == written
    assert again.types == policy.types
    assert again.constraints == policy.constraints
    assert again.conditionals == policy.conditionals
    assert again.extended_rules == policy.extended_rules
    assert list(again.rules) == list(policy.rules)


def mutate(content: bytes, number: int, most: int) -> bytes:
    """Return a policy with some of its numbers changed, or with pieces left out or twice."""
    random = Random(number)  # noqa: S311 - nothing here is a secret
    result = bytearray(content[:most])
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        if len(result) < 64:
            break
        place = random.randrange(len(result) - 48)
        kind = random.randrange(5)
        if kind == 0:
            result[place] ^= 1 << random.randrange(8)
        elif kind == 1:
            result[place : place + 4] = random.choice(_NUMBERS).to_bytes(4, "little")
        elif kind == 2:
            value = int.from_bytes(result[place : place + 4], "little") + random.choice((-1, 1, 64, -64))
            result[place : place + 4] = (value & 0xFFFFFFFF).to_bytes(4, "little")
        elif kind == 3:
            del result[place : place + random.choice((4, 8, 12, 16, 24))]
        else:
            other = random.randrange(len(result) - 48)
            result[place:place] = result[other : other + random.choice((4, 8, 12, 24, 42))]
    return bytes(result)


HARNESS = Harness("kernel", run, 16384, (b"object_r", b"@", b"\x40\0\0\0\0\0\0\0\0\0\0\0"), mutate)

if __name__ == "__main__":
    sys.exit(main(HARNESS, sys.argv[1:]))
