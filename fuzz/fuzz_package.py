"""Tries module packages: bytes to a package, that to bytes again, and to CIL, which the CIL reader must take."""

import sys
from random import Random
from struct import pack_into, unpack_from

from common import Harness, instrumented, main

with instrumented():
    from selbox.binary.formats import Format, detect
    from selbox.binary.module import read_module
    from selbox.binary.modulewriter import write_module
    from selbox.binary.package import read_package, split_package
    from selbox.compiler.text.module import module_to_cil
    from selbox.diagnostics import Diagnostics, SourceFile
    from selbox.language.cil.reader import read_carefully

NUMBERS = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    8,
    12,
    15,
    16,
    21,
    24,
    31,
    32,
    63,
    64,
    65,
    128,
    0x100,
    0x1000,
    0xFFFF,
    0x7FFFFFFF,
    0xFFFFFFFF,
)
WORDS = (
    b"\x8f\xff\x7c\xf9",
    b"\x8d\xff\x7c\xf9",
    b"\x90\xff\x7c\xf9",
    b"\x91\xff\x7c\x09",
    b"\x92\xff\x7c\x09",
    b"SE Linux Module",
    b"object_r",
    b"process",
    b"\x40\0\0\0\x40\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0",
    b"\x40\0\0\0\0\0\0\0\0\0\0\0",
    b"__default__:user_u:s0-s0:c0.c1\n",
    b"/a(/.*)? -d u:r:t:s0\n",
)


def run(content: bytes) -> None:
    """Read a package, translate it, and read what comes out.

    Raises:
        SelboxError: when it is refused.
    """
    diagnostics = Diagnostics()
    package = read_package(content, "fuzz.pp", diagnostics)
    assert detect(content) is Format.PACKAGE
    sections = split_package(content, "fuzz.pp")
    assert detect(sections.module) is Format.MODULE
    assert content[sections.module_offset :].startswith(sections.module)
    module = package.module
    assert read_module(write_module(module), "fuzz.mod") == module
    # The texts of a package are copied as they are, whatever stands in them: only the module is ours to answer for.
    text = module_to_cil(package._replace(file_contexts="", seusers="", users_extra=""), "fuzz.pp", diagnostics)
    read_carefully(SourceFile("fuzz.cil", text))
    assert module_to_cil(package, "fuzz.pp").startswith(text)


def mutate(content: bytes, number: int, most: int) -> bytes:
    """Change numbers, cut, or double parts, mostly where numbers of 32 bits stand."""
    random = Random(number)  # noqa: S311 - to vary inputs, not to keep a secret
    changed = bytearray(content or WORDS[0])
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        place = random.randrange(len(changed))
        match random.randrange(6):
            case 0 | 1:
                if place + 4 <= len(changed):
                    (value,) = unpack_from("<I", changed, place)
                    value = random.choice((*NUMBERS, value + 1, value - 1, value ^ 1 << random.randrange(32)))
                    pack_into("<I", changed, place, value & 0xFFFFFFFF)
            case 2:
                changed[place] = random.randrange(256)
            case 3:
                del changed[place : place + random.choice((1, 4, 8, 12, 24))]
            case 4:
                size = random.choice((4, 8, 12, 24, 40))
                changed[place:place] = changed[max(0, place - size) : place]
            case _:
                changed[place:place] = random.choice(WORDS)
        if not changed:
            return WORDS[0]
    return bytes(changed[:most])


HARNESS = Harness("package", run, 16384, WORDS, mutate)

if __name__ == "__main__":
    sys.exit(main(HARNESS, sys.argv[1:]))
