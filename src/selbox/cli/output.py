"""Results of verbs, and their one way out: text for people; a versioned JSON envelope or CSV for programs."""

from collections.abc import Mapping, Sequence

from selbox.cli.terminal import Terminal
from selbox.typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from selbox.analysis.table import Table

JsonValue = None | bool | int | float | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"]
"""What JSON can say."""

ENVELOPE_VERSION = 1
"""Grows when a member of the envelope, or of a verb's result, changes its meaning or goes away; not when one comes."""


class Result(Protocol):
    """What a verb returns: a frozen value that can be shown both ways.

    One that has ``notices`` besides, a sequence of diagnostics, has them shown on standard error before it. One whose
    text may be larger than memory has ``text_pieces``, which yields it with its final newline, and is written so. One
    that comes bit by bit has ``events``, which yields results, and each is written by itself as soon as it is there.
    """

    @property
    def exit_status(self) -> int:
        """The program's exit status, 0 to 255."""
        ...

    def to_text(self, terminal: Terminal) -> str:
        """Return what a person reads, without a final newline; empty when there is nothing to say."""
        ...

    def to_json(self) -> JsonValue:
        """Return what a program reads."""
        ...


class TabularResult(Result, Protocol):
    """What a verb returns whose entry in the registry says ``tabular``."""

    def to_table(self) -> "Table":
        """Return what ``--csv`` writes."""
        ...


def write_result(verb: str, result: Result, *, as_json: bool, stream: TextIO, terminal: Terminal) -> None:
    """Write a result to a stream.

    With ``as_json`` this is one line: ``{"selbox": 1, "verb": VERB, "result": …}``.
    """
    events = getattr(result, "events", None)
    if events is not None:
        for each in events():
            write_result(verb, each, as_json=as_json, stream=stream, terminal=terminal)
            stream.flush()
        return
    if as_json:
        import json  # text output does not pay for it

        text = json.dumps({"selbox": ENVELOPE_VERSION, "verb": verb, "result": result.to_json()}, ensure_ascii=False)
    else:
        pieces = getattr(result, "text_pieces", None)
        if pieces is not None:
            stream.writelines(pieces())
            return
        text = result.to_text(terminal)
    if text:
        stream.write(text)
        stream.write("\n")


def write_table(result: TabularResult, stream: TextIO) -> None:
    """Write a result to a stream as comma-separated values under a heading."""
    stream.write(result.to_table().csv())
