"""Modules and module packages to CIL."""

from selbox.binary.formats import Format
from selbox.binary.module import read_module
from selbox.binary.package import Package, read_package
from selbox.compiler.text.module import module_to_cil
from selbox.diagnostics import Diagnostics, SourceFile
from selbox.store.inputs import Input


def input_package(given: Input, diagnostics: Diagnostics) -> Package:
    """Return the package that an input is; a bare module is a package with nothing but it.

    Raises:
        SelboxError: with the section and the byte where it is broken.
    """
    if given.format is Format.MODULE:
        return Package(read_module(given.content, given.name, diagnostics))
    return read_package(given.content, given.name, diagnostics)


def module_source(given: Input, diagnostics: Diagnostics) -> SourceFile:
    """Return the CIL of a module or package, under the name of its file.

    Raises:
        SelboxError: when it cannot be read.
    """
    return SourceFile(given.name, module_to_cil(input_package(given, diagnostics), given.name))
