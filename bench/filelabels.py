"""Measures how quickly the labels of files that were never met are looked up, beside libselinux's own lookup."""

import ctypes
import os
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from time import process_time_ns

from _figures import Figures, Row, show
from _processes import OURS, PEER, ROOT, FailedError, run, selbox

from selbox.model.context_text import format_context
from selbox.model.policy import Policy
from selbox.store.filecontexts import FileContexts
from selbox.store.policyfiles import load_policy

sys.path.append(os.path.join(ROOT, "tools"))
import debianpolicy

_SELABEL_CTX_FILE, _SELABEL_OPT_PATH = 0, 3
_MOST_OF_PEER = 5_000
"""Paths that libselinux is asked about in each round: its older versions take a tenth of a millisecond for each."""

Asked = list[tuple[str, int]]
"""Paths, each with the mode of its file."""


class _Option(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int), ("value", ctypes.c_char_p))


class LookupInC:
    """libselinux's ``selabel_lookup`` on a file of file contexts.

    Raises:
        OSError: when there is no libselinux, or it does not take the file.
    """

    def __init__(self, path: str) -> None:
        self._library = ctypes.CDLL("libselinux.so.1", use_errno=True)
        self._library.selabel_open.restype = ctypes.c_void_p
        option = _Option(_SELABEL_OPT_PATH, os.fsencode(path))
        self._handle = ctypes.c_void_p(self._library.selabel_open(_SELABEL_CTX_FILE, ctypes.byref(option), 1))
        if not self._handle:
            raise OSError(ctypes.get_errno(), f"libselinux does not take {path}")

    def look_up(self, path: str, mode: int) -> str:
        """Return the context of a path; empty where it has none."""
        context = ctypes.c_char_p()
        encoded = os.fsencode(path)
        if self._library.selabel_lookup_raw(self._handle, ctypes.byref(context), encoded, mode):
            return ""
        text = (context.value or b"").decode()
        self._library.freecon(context)
        return text


def files_below(directory: str, most: int) -> Iterator[tuple[str, int]]:
    """Yield what is in a file system, in the order in which it is walked, with its mode."""
    device = os.lstat(directory).st_dev
    for above, names, files in os.walk(directory):
        kept = []
        for name in [*names, *files]:
            path = os.path.join(above, name)
            try:
                status = os.lstat(path)
            except OSError:
                continue
            if status.st_dev == device:
                kept.append(name)
                yield path, status.st_mode
                most -= 1
                if not most:
                    return
        names[:] = [name for name in names if name in kept]


def _new(policy: Policy) -> FileContexts:
    """Return file contexts that have looked nothing up, and know no homes, of which the peer's file tells nothing."""
    return FileContexts(policy.file_contexts, policy.origins, policy.path_substitutions)


def _average(look_up: Callable[[str, int], object], asked: Asked) -> float:
    """Return the microseconds of processor time of a lookup."""
    begin = process_time_ns()
    for path, mode in asked:
        look_up(path, mode)
    return (process_time_ns() - begin) / len(asked) / 1000


def _differences(policy: Policy, peer: LookupInC, asked: Asked) -> int:
    """Return how many paths the two label otherwise."""
    lookup = _new(policy)
    count = 0
    for path, mode in asked:
        entry = lookup.lookup(path, mode)
        ours = "" if entry is None or entry.context is None else format_context(policy, entry.context)
        theirs = peer.look_up(path, mode)
        count += ours != (theirs if theirs != "<<none>>" else "")
    return count


def main(words: Sequence[str]) -> int:
    """Measure and show."""
    parser = ArgumentParser(prog="bench/filelabels.py", description="Measure lookups of labels under Debian's policy.")
    parser.add_argument("--rounds", type=int, default=3, help="samples of each row (3)")
    parser.add_argument("--tree", default="/", metavar="DIR", help="whose files are looked up (/)")
    parser.add_argument("--most", type=int, default=300_000, help="files at most (300,000)")
    parser.add_argument("--json", action="store_true", help="write JSON")
    arguments = parser.parse_args(words)
    asked = list(files_below(arguments.tree, arguments.most))
    sparse = asked[:: max(1, len(asked) // _MOST_OF_PEER)]
    notes = [f"{len(asked)} files; libselinux is asked about {len(sparse)} of them. Processor time."]
    try:
        with tempfile.TemporaryDirectory() as directory:
            names = ("-o", "policy", "--file-contexts", "file_contexts")
            run([selbox("compile", *names, *debianpolicy.cil_files("default"))], directory)
            path = os.path.join(directory, "file_contexts")
            policy = load_policy([os.path.join(directory, "policy")], base=False, file_contexts=path)
            try:
                peer = LookupInC(path)
            except OSError as error:
                peer = None
                notes.append(f"Without the peer: {error}")
            samples: dict[str, list[float]] = {"all": [], "again": [], "sparse": [], "peer": [], "first": []}
            for _ in range(arguments.rounds):
                lookup = _new(policy)
                samples["first"].append(_average(lookup.lookup, asked[:1]) / 1000)
                samples["all"].append(_average(lookup.lookup, asked))
                samples["again"].append(_average(lookup.lookup, asked))
                fresh = _new(policy)
                fresh.lookup("/", 0)
                samples["sparse"].append(_average(fresh.lookup, sparse))
                if peer is not None:
                    samples["peer"].append(_average(peer.look_up, sparse))
            if peer is not None:
                different = _differences(policy, peer, sparse)
                notes.append(f"Labelled otherwise than by libselinux: {different} of {len(sparse)} files.")
    except (FailedError, debianpolicy.PolicyUnavailableError) as error:
        print(f"bench/filelabels.py: {error}", file=sys.stderr)
        return 1
    figures = {name: Figures(tuple(values)) for name, values in samples.items() if values}
    beside = {PEER: figures["peer"]} if "peer" in figures else {}
    rows = [
        Row("a file never met, here and there", "µs", {**beside, OURS: figures["sparse"]}),
        Row("a file never met, all in turn", "µs", {OURS: figures["all"]}),
        Row("the same once more", "µs", {OURS: figures["again"]}),
        Row("the index of all entries, at the first lookup", "ms", {OURS: figures["first"]}),
    ]
    show("Labels of files", rows, notes, as_json=arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
