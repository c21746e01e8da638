"""What all harnesses share: they are run under atheris with coverage guidance, or plainly over files.

A harness module imports this module first, and what it tries under :func:`instrumented`. It names what it tries in one
:class:`Harness` and ends in ``sys.exit(main(HARNESS, sys.argv[1:]))``. README.md says how it is used.
"""

import os
import resource
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import process_time
from typing import NamedTuple

_HERE = os.path.dirname(os.path.abspath(__file__))
_ROOT = os.path.dirname(_HERE)
_FUZZING = "--replay" not in sys.argv and os.path.basename(sys.argv[0]).startswith("fuzz_")

SECONDS_AT_MOST = 5.0
"""Processor time that any input may take, instrumented, on a machine that is busy with other work …"""
SECONDS_A_BYTE = 0.002
"""… and what every byte of it adds."""
MEMORY_AT_MOST = 64 << 20
"""Bytes by which the process may grow for any input …"""
MEMORY_A_BYTE = 4096
"""… and what every byte of it adds."""
_WHOLE_PROCESS_MIB = 3072


class Harness(NamedTuple):
    """One thing to try with all kinds of input.

    Attributes:
        name: as in ``fuzz_NAME.py`` and ``seeds/NAME/``.
        run: takes an input and does with it all that should hold for any. :class:`selbox.diagnostics.SelboxError`
            may escape, for that is how selbox refuses; whatever else escapes is a find. Invariants are stated by
            ``assert``.
        maximum_length: bytes of an input that are worth trying.
        words: what inputs are made of, as bytes; the fuzzer puts them in.
        mutate: makes another input of one, in a way that keeps its form: (input, a random number, most bytes) to input.
            Every second input is made by it, the others by libFuzzer.
    """

    name: str
    run: Callable[[bytes], None]
    maximum_length: int
    words: tuple[bytes, ...] = ()
    mutate: Callable[[bytes, int, int], bytes] | None = None


class OutOfProportionError(Exception):
    """An input took more time or memory than its length justifies."""


def instrumented() -> AbstractContextManager[object]:
    """Return the context to import selbox in, so that atheris sees which branches an input takes."""
    if not _FUZZING:
        return nullcontext()
    import atheris

    context: AbstractContextManager[object] = atheris.instrument_imports(include=["selbox"])
    return context


def check(harness: Harness, content: bytes) -> bool:
    """Give one input to a harness.

    Returns:
        Whether selbox took it; false when it refused it with an explanation.

    Raises:
        OutOfProportionError: when it took too much time or memory.
        Exception: whatever selbox lets escape by mistake.
    """
    from selbox.diagnostics import SelboxError

    with _in_proportion(len(content)):
        try:
            harness.run(content)
        except SelboxError as error:
            check_explanation(error)
            return False
    return True


def check_explanation(error: Exception) -> None:
    """Assert that each diagnostic of a :class:`selbox.diagnostics.SelboxError` says something and can be shown."""
    from selbox.diagnostics import SelboxError
    from selbox.diagnostics.render import render

    assert isinstance(error, SelboxError)
    assert error.diagnostics, "a refusal without a reason"
    for each in error.diagnostics:
        assert each.code
        assert each.message
        render(each).encode()


@contextmanager
def _in_proportion(length: int) -> Iterator[None]:
    """Raise when what is done inside takes more than an input of this length may.

    Raises:
        OutOfProportionError: in that case.
    """
    begin, size = process_time(), _peak_memory()
    yield
    seconds, grown = process_time() - begin, _peak_memory() - size
    if seconds > SECONDS_AT_MOST + SECONDS_A_BYTE * length:
        raise OutOfProportionError(f"{seconds:.1f} seconds for {length} bytes")
    if grown > MEMORY_AT_MOST + MEMORY_A_BYTE * length:
        raise OutOfProportionError(f"{grown >> 20} MiB for {length} bytes")


def _peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(harness: Harness, words: Sequence[str]) -> int:
    """Fuzz for a while, or replay files.

    libFuzzer ends the process itself: 0 when nothing was found.
    """
    parser = ArgumentParser(prog=f"fuzz_{harness.name}.py", description=f"Try {harness.name} with all kinds of input.")
    parser.add_argument("seconds", nargs="?", type=int, default=60, help="how long (60)")
    parser.add_argument("--replay", nargs="+", metavar="FILE", help="try these files and no others")
    arguments = parser.parse_args(words)
    if arguments.replay:
        for path in arguments.replay:
            print(f"{path}: {'taken' if check(harness, _content(path)) else 'refused'}")
        return 0
    _fuzz(harness, arguments.seconds)
    return 0


def _content(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()


def seeds(name: str) -> list[str]:
    """Return the paths of a harness's seeds."""
    directory = os.path.join(_HERE, "seeds", name)
    return [os.path.join(directory, each) for each in sorted(os.listdir(directory))]


def _fuzz(harness: Harness, seconds: int) -> None:
    import atheris

    kept = os.path.join(_ROOT, ".fuzz", harness.name)
    corpus, finds = os.path.join(kept, "corpus"), os.path.join(kept, "finds")
    for directory in (corpus, finds):
        os.makedirs(directory, exist_ok=True)
    options = [
        sys.argv[0],
        f"-max_total_time={seconds}",
        f"-max_len={harness.maximum_length}",
        f"-artifact_prefix={finds}/",
        f"-dict={_dictionary(harness)}",
        f"-rss_limit_mb={_WHOLE_PROCESS_MIB}",
        "-timeout=60",
        "-print_final_stats=1",
        corpus,
        os.path.join(_HERE, "seeds", harness.name),
    ]
    mutators = {"custom_mutator": _mutator(harness)} if harness.mutate else {}
    atheris.Setup(options, lambda content: check(harness, content) and None, **mutators)
    atheris.Fuzz()


def _mutator(harness: Harness) -> Callable[[bytes, int, int], bytes]:
    import atheris

    def mutate(content: bytes, most: int, number: int) -> bytes:
        if number & 1 and harness.mutate:
            return harness.mutate(content, number >> 1, most)[:most]
        return bytes(atheris.Mutate(content, most))

    return mutate


def _dictionary(harness: Harness) -> str:
    """Write the words of a harness as libFuzzer reads them; return the file's path."""
    with tempfile.NamedTemporaryFile("w", suffix=".dict", delete=False) as stream:
        for word in harness.words:
            stream.write('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n')
    return stream.name
