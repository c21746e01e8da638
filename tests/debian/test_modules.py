"""Debian's module packages, translated by its ``pp`` and by selbox, and written again."""

import bz2
from pathlib import Path

import debianpolicy
import pytest
from tests.debian.policies import modules

from selbox.binary.module import read_module
from selbox.binary.modulewriter import write_module
from selbox.binary.package import join_package, read_package, split_package
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


@pytest.mark.parametrize("name", debianpolicy.POLICIES)
def test_every_module_is_written_as_it_was(name: str) -> None:
    for path in debianpolicy.packages(name):
        content = bz2.decompress(Path(path).read_bytes())
        sections = split_package(content, path)
        again = join_package(sections._replace(module=write_module(read_module(sections.module, path))))
        assert (again == content) is True, f"{path} differs"
