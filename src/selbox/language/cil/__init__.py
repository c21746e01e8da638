"""Reads the Common Intermediate Language (CIL) of SELinux: text to syntax trees. Compilers call it; it knows no meaning."""

from selbox.language.cil.reader import parse
from selbox.language.cil.tree import Form, Tree

__all__ = ["Form", "Tree", "parse"]
