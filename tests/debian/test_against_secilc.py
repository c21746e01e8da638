"""Debian's policies, compiled by secilc and by selbox: one policy."""

import debianpolicy
import pytest
from tests.debian.policies import by_secilc, by_selbox
from tests.oracles.secilc import requires_secilc

pytestmark = pytest.mark.oracle


@requires_secilc
@pytest.mark.parametrize("name", debianpolicy.POLICIES)
def test_the_binary_policies_are_the_same_bytes(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert by_selbox(name, tmp_path_factory).read_bytes() == by_secilc(name, tmp_path_factory).read_bytes()
