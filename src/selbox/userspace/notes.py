"""Errors that show themselves in full, with place and help, where a program does not catch them."""

from collections.abc import Iterator
from contextlib import contextmanager

from selbox.diagnostics import SelboxError, render


@contextmanager
def shown_in_full() -> Iterator[None]:
    """Add to an error that passes what the command line would show of it: a traceback ends with that."""
    try:
        yield
    except SelboxError as error:
        error.add_note("\n".join(map(render, error.diagnostics)))
        raise
