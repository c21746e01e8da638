"""The collector of garbage is afterwards as it was before."""

import gc

import pytest

from selbox.binary.kernel import read_policy
from selbox.collector import collector_paused
from selbox.diagnostics import SelboxError


@collector_paused()
def is_collecting() -> bool:
    return gc.isenabled()


@pytest.mark.parametrize("collecting", [True, False])
def test_it_is_paused_and_then_as_it_was(collecting: bool) -> None:
    was_collecting = gc.isenabled()
    try:
        (gc.enable if collecting else gc.disable)()
        with collector_paused():
            assert not gc.isenabled()
            assert not is_collecting()
            assert not gc.isenabled(), "a block within goes on as it began"
        assert gc.isenabled() == collecting
        with pytest.raises(SelboxError):
            read_policy(b"no policy", "it")
        assert gc.isenabled() == collecting, "whatever comes of the block"
    finally:
        (gc.enable if was_collecting else gc.disable)()
