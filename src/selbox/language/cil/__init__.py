"""Reads the Common Intermediate Language (CIL) of SELinux policy: text to syntax trees that know no meaning."""

from selbox.language.cil.fastreader import Shared
from selbox.language.cil.reader import parse
from selbox.language.cil.tree import Form, RuleColumns, RuleRun, Tree

__all__ = ["Form", "RuleColumns", "RuleRun", "Shared", "Tree", "parse"]
