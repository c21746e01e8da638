"""Errors with stable codes, source spans, and how they are rendered.

Every other room raises and reports through this one; it imports none of them and does no input or output.
"""

from selbox.diagnostics.diagnostic import Diagnostic, Diagnostics, SelboxError, Severity
from selbox.diagnostics.render import render
from selbox.diagnostics.source import SourceFile, Span
from selbox.diagnostics.suggest import did_you_mean

__all__ = [
    "Diagnostic",
    "Diagnostics",
    "SelboxError",
    "Severity",
    "SourceFile",
    "Span",
    "did_you_mean",
    "render",
]
