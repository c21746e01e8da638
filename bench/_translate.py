"""Translates module packages to CIL, all in one process: what is measured against ``pp`` run for each."""

import sys

from selbox.binary.package import read_package
from selbox.compiler.text.module import module_to_cil

for path in sys.argv[1:]:
    with open(path, "rb") as stream:
        package = read_package(stream.read(), path)
    with open(f"{path}.cil", "w", encoding="utf-8") as stream:
        stream.write(module_to_cil(package, path))
