"""What came of a scenario, as lines: what its processes said, and what was audited of it. Recorded of the kernel."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.judge import scenariopolicy

RECORDED = Path(__file__).parent / "recorded"
_AVC = re.compile(r"avc: +(?P<verdict>denied|granted) +\{ (?P<permissions>[^}]*) \}.* (?P<end>scontext=.*)$")
_ERROR = re.compile(r"type=(?:1401|SELINUX_ERR) .*?: *(?P<text>(?:op=|SELinux:).*)$")
_DETAILS = ("capability", "ioctlcmd", "src", "dest", "netif")
_FIELD = r"(?<!\S){}=(\S+)"
_FIELDS = {name: re.compile(_FIELD.format(name)) for name in _DETAILS}
_END = re.compile(
    r"scontext=(?P<source>\S+) tcontext=(?P<target>\S+) tclass=(?P<tclass>\S+)(?: permissive=(?P<permissive>\d))?"
)
_BLOCK = re.compile(r":(\w+)\.\w+:")
_CONTEXT = re.compile(r"system_u:(system_r|object_r):(\w+)\.(\w+):s0(?![^ ])")


class Outcome(NamedTuple):
    """What came of one scenario.

    Attributes:
        results: what its processes said, each line with the name of the process.
        records: what was audited, in order.
    """

    results: tuple[str, ...]
    records: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return all of it; records can be told from results."""
        return [*self.results, *self.records]


def record_of(line: str) -> str | None:
    """Return what is compared of a line of the audit log; None when it is no record of an access or an error.

    Such a record is, for example, ``denied { dac_override } capability=1 SOURCE -> TARGET capability``; the word
    ``permissive`` follows where the access went on.
    """
    avc = _AVC.search(line)
    if avc is None:
        error = _ERROR.search(line)
        return None if error is None else "error " + error["text"].strip()
    end = _END.match(avc["end"])
    if end is None:
        return None
    details = [f"{name}={found[1]}" for name in _DETAILS if (found := _FIELDS[name].search(line))]
    words = [avc["verdict"], "{", *sorted(avc["permissions"].split()), "}", *details]
    words += [end["source"], "->", end["target"], end["tclass"]]
    return " ".join([*words, *(["permissive"] if end["permissive"] == "1" else [])])


def records_by_scenario(log: Iterable[str], names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the records of each scenario: those whose first context of a scenario's types is one of its own.

    The scenario's own contexts are written as their types, where user, role and level are what they always are.
    """
    found: dict[str, list[str]] = {name: [] for name in names}
    for record in filter(None, map(record_of, log)):
        name = next((block for block in _BLOCK.findall(record) if block in found), None)
        if name is not None:
            found[name].append(_CONTEXT.sub(partial(_short, name), record))
    return {name: tuple(records) for name, records in found.items()}


def _short(name: str, context: re.Match[str]) -> str:
    role, block, type_name = context.groups()
    scenario = scenariopolicy.module(name)
    usual = scenario.DOMAINS if role == "system_r" else scenario.OBJECTS
    return type_name if block == name and type_name in usual.split() else context[0]


def outcomes(results: dict[str, list[str]], log: Iterable[str]) -> dict[str, Outcome]:
    """Put together what the driver wrote and what was audited meanwhile."""
    records = records_by_scenario(log, list(results))
    return {name: Outcome(tuple(lines), records[name]) for name, lines in results.items()}


def source_digest(name: str) -> str:
    """Return what a recording was made from: a digest of the scenario's files."""
    digest = hashlib.sha256()
    for path in scenariopolicy.files_of(name):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def recording(name: str) -> Path:
    """Return the file of what the kernel did."""
    return RECORDED / f"{name}.json"


def write_recording(name: str, outcome: Outcome) -> None:
    """Record what the kernel did."""
    content = {"source": source_digest(name), "results": outcome.results, "records": outcome.records}
    recording(name).write_text(json.dumps(content, indent=1) + "\n")


def read_recording(name: str) -> tuple[str, Outcome]:
    """Return what is recorded of the kernel, and the digest of the source that it was recorded with.

    Raises:
        FileNotFoundError: when nothing is.
    """
    content = json.loads(recording(name).read_text())
    return content["source"], Outcome(tuple(content["results"]), tuple(content["records"]))


def differences(kernel: Outcome, selbox: Outcome) -> tuple[list[str], list[str]]:
    """Return the lines that only the kernel has, and those that only selbox has."""
    only_kernel: list[str] = []
    only_selbox: list[str] = []
    for theirs, ours in zip(kernel, selbox, strict=True):
        for tag, first, last, begin, end in SequenceMatcher(a=theirs, b=ours, autojunk=False).get_opcodes():
            if tag != "equal":
                only_kernel += theirs[first:last]
                only_selbox += ours[begin:end]
    return only_kernel, only_selbox
