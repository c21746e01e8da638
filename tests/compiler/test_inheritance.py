"""Inherited statements stand where they are inherited: their order tells in the compiled policy."""

import pytest
from tests.compiler.policies import BASE, compile_with_base
from tests.oracles.secilc import compile_reference, requires_secilc

from selbox.binary.kernel.writer import write_policy

FIRST, SECOND = "(constrain (file (read)) (eq t1 a))", "(mlsconstrain (file (read)) (dom l1 l2))"
VALIDATE = "(validatetrans file (eq t3 a))"
SAME_ORDER = [
    f"(block x {FIRST} (blockinherit z)) (block y {SECOND} {FIRST} (blockinherit z)) (block z {FIRST} {SECOND})",
    f"(block x (blockinherit z) {FIRST}) (validatetrans file (eq t1 t2)) (block z {VALIDATE} {SECOND}) {VALIDATE}",
    (
        "(boolean flag true) (block z (booleanif flag (true (allow a a (file (read))) (typechange a b file c))))"
        "(block x (blockinherit z)) (block y (booleanif flag (true (allow c d (file (write))))) (blockinherit z))"
        "(booleanif flag (true (allow b d (file (read))))) (block w (blockinherit z))"
    ),
    # What a block inherits is found where the block stands, not where an heir of it does.
    (
        "(block n (type u)) (block base (blockinherit n)) (block heir (block n (type v)) (blockinherit base)"
        " (allow u n.v (file (read))))"
    ),
]


@pytest.mark.oracle
@requires_secilc
@pytest.mark.parametrize("text", SAME_ORDER)
def test_byte_for_byte(text: str) -> None:
    assert write_policy(compile_with_base(text), 33) == compile_reference(BASE, text).binary
