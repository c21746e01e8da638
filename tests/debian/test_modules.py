"""Debian's module packages, translated by its ``pp`` and by selbox."""

import bz2
from pathlib import Path

import debianpolicy
import pytest
from tests.debian.policies import modules

from selbox.binary.package import read_package
from selbox.compiler.text.module import module_to_cil


@pytest.mark.oracle
@pytest.mark.parametrize("name", debianpolicy.POLICIES)
def test_every_module_becomes_the_same_text(name: str) -> None:
    theirs = {debianpolicy.module_name(path): Path(path).read_text() for path in modules(name)}
    packages = {debianpolicy.module_name(path): Path(path).read_bytes() for path in debianpolicy.packages(name)}
    assert packages.keys() == theirs.keys()
    for module, content in packages.items():
        text = module_to_cil(read_package(bz2.decompress(content), module), module)
        assert (text == theirs[module]) is True, f"{module} differs"  # no difference of megabytes is shown
