"""The ``selbox`` program: finds the verb, runs it, and renders what comes back."""

import gc
import os
import sys
from collections.abc import Sequence

import selbox
from selbox.cli.errors import write_diagnostics
from selbox.cli.output import TabularResult, write_result, write_table
from selbox.cli.registry import VERBS, Entry
from selbox.cli.terminal import Terminal
from selbox.cli.verb import StatusError, UsageError, Verb
from selbox.diagnostics import Diagnostic, SelboxError, did_you_mean
from selbox.typing import TextIO, cast

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
"""128 + SIGINT, as a shell reports it."""
EXIT_BROKEN_PIPE = 141
"""128 + SIGPIPE, as a shell reports it."""

_LAST: list[object] = []
"""The result of the last command, which may be large."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``selbox`` and return its exit status.

    Args:
        argv: the words after the program's name; those of the process when None.
    """
    # Most verbs end before a collection pays; `run`, which may last, starts them again.
    gc.disable()
    if None in (sys.stdin, sys.stdout, sys.stderr):
        from selbox.cli.streams import replace_closed_streams  # who has all three does not pay for it

        replace_closed_streams()
    status = _status(_words_of_process() if argv is None else list(argv))
    if argv is None:
        # The process ends now. Its last collection would walk over a whole policy, and a hundred thousand rules would
        # be taken apart one by one, but for a circle that nobody looks for.
        _LAST.append(_LAST)
        gc.freeze()
    return status


def _words_of_process() -> list[str]:
    """Return the words of the command line; who runs it by the name of a verb (``install-links``) means that verb."""
    name = os.path.basename(sys.argv[0])
    entry = VERBS.get(name)
    return [name, *sys.argv[1:]] if entry is not None and entry.known else sys.argv[1:]


def _status(words: list[str]) -> int:
    try:
        _tolerate_any_text(sys.stdout)
        status = _dispatch(words)
        sys.stdout.flush()
    except UsageError as error:
        _report(error.diagnostics)
        return EXIT_USAGE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _settle(sys.stdout)
        return EXIT_BROKEN_PIPE
    except OSError as error:
        _report([_of_system_call(error)])
        _settle(sys.stdout)
        return EXIT_FAILURE
    return status


def _dispatch(words: list[str]) -> int:
    first = words[0] if words else ""
    if first == "--version":
        print(f"selbox {selbox.__version__}")
        return 0
    if first == "help" and len(words) > 1:
        _run_verb(words[1], ["--help"])
        return 0
    if first in ("", "-h", "--help", "help"):
        from selbox.cli.manual import overview  # the run of a verb does not pay for it

        stream = sys.stdout if first else sys.stderr
        stream.write(overview(VERBS, Terminal.of(stream, os.environ)))
        return 0 if first else EXIT_USAGE
    return _run_verb(first, words[1:])


def _run_verb(name: str, words: list[str]) -> int:
    entry = VERBS.get(name)
    if entry is None:
        kind = "an option" if name.startswith("-") else "a verb"
        guess = did_you_mean(name, [*VERBS, "help", "--help", "--version"])
        raise UsageError.of(
            "usage", f"`{name}` is not {kind} of selbox", help=guess or "`selbox --help` lists the verbs"
        )
    from selbox.cli.arguments import VerbParser  # argparse: `selbox --version` does not pay for it

    # import_module does the same, but its home imports `warnings` too.
    verb = cast(Verb, __import__("selbox.cli.verbs." + name.replace("-", "_"), fromlist=["MANUAL"]))
    parser = VerbParser(name, entry, verb.MANUAL, Terminal.of(sys.stdout, os.environ))
    verb.add_arguments(parser)
    try:
        arguments = parser.parse_words(words)
        result = verb.run(arguments)
    except SystemExit:  # argparse's way to end after --help; errors come as UsageError
        return entry.statuses.help
    except SelboxError as error:
        _report(error.diagnostics)
        return _failure_status(entry, error)
    except MemoryError:
        _report([Diagnostic("out-of-memory", "there is not enough memory for this")])
        return entry.statuses.failure
    _LAST[:] = [result]
    _report(getattr(result, "notices", ()))
    stream = sys.stderr if entry.takes_command or entry.aside else sys.stdout
    if entry.tabular and arguments.csv:
        write_table(cast(TabularResult, result), stream)
        return result.exit_status
    terminal = Terminal.of(stream, os.environ)
    write_result(name, result, as_json=arguments.json, stream=stream, terminal=terminal)
    return result.exit_status


def _failure_status(entry: Entry, error: SelboxError) -> int:
    if isinstance(error, UsageError):
        return entry.statuses.usage
    return error.exit_status if isinstance(error, StatusError) else entry.statuses.failure


def _of_system_call(error: OSError) -> Diagnostic:
    place = f": `{error.filename}`" if error.filename is not None else ""
    return Diagnostic("system-call-failed", f"{error.strerror or error}{place}")


def _report(diagnostics: Sequence[Diagnostic]) -> None:
    try:
        write_diagnostics(diagnostics, sys.stderr, Terminal.of(sys.stderr, os.environ))
    except OSError:  # where they cannot be shown, the exit status tells
        _settle(sys.stderr)


def _tolerate_any_text(stream: TextIO) -> None:
    """Make a stream show a character that its encoding lacks, or an undecodable byte of a path, as an escape."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:  # a stream in memory has none
        reconfigure(errors="backslashreplace")


def _settle(stream: TextIO) -> None:
    """Write what a standard stream still holds, or drop it: Python's own flush at exit must not fail once more."""
    try:
        stream.flush()
    except OSError:
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, stream.fileno())
        os.close(devnull)
