"""Command lines by argparse, with selbox's manuals for help and selbox's diagnostics for errors."""

import argparse
from collections.abc import Sequence

from selbox.cli.manual import option_text, verb_manual
from selbox.cli.registry import Entry
from selbox.cli.terminal import Terminal
from selbox.cli.verb import Manual, UsageError
from selbox.diagnostics import did_you_mean
from selbox.typing import Any, NoReturn

USAGE_CODE = "usage"

# Manuals and errors are English, whatever the language; the search for translations of argparse's own words takes 3 ms.
vars(argparse)["_"] = str


class _Formatter(argparse.HelpFormatter):
    """Lays out the synopsis. With a width given, argparse does not import shutil to ask for one (6 ms)."""

    def __init__(self, prog: str, **settings: Any) -> None:
        super().__init__(prog, **{**settings, "width": 86})


class VerbParser(argparse.ArgumentParser):
    """The parser of one verb's arguments.

    Args:
        verb: its name.
        entry: its entry in the registry.
        manual: what its manual says.
        terminal: what the manual is laid out for.
    """

    def __init__(self, verb: str, entry: Entry, manual: Manual, terminal: Terminal) -> None:
        super().__init__(
            prog=f"selbox {verb}", formatter_class=_Formatter, allow_abbrev=entry.abbreviates, add_help=False
        )
        self.color = False  # Python 3.14 would paint the usage line that the synopsis is made of
        self._verb = verb
        self._entry = entry
        self._manual = manual
        self._terminal = terminal
        self.add_argument("-h", "--help", action="help", help="show this manual")
        forms = self.add_mutually_exclusive_group()
        forms.add_argument("--json", action="store_true", help="write the result as JSON, for programs")
        if entry.tabular:
            forms.add_argument("--csv", action="store_true", help="write the result as comma-separated values")

    def format_help(self) -> str:
        """Return the manual of the verb."""
        usage = self.format_usage().rstrip("\n")
        indent = len("usage: ")
        synopsis = [line[indent:] for line in usage.split("\n")]
        if self._entry.takes_command:
            synopsis[-1] += " -- COMMAND…"
        options = [
            option_text(each.option_strings, _operand_name(each), each.help or "")
            for each in self._actions
            if each.help != argparse.SUPPRESS
        ]
        return verb_manual(self._verb, self._entry.summary, synopsis, options, self._manual, self._terminal)

    def parse_words(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse the words after the verb.

        Raises:
            UsageError: when they are not what the verb takes.
        """
        command: Sequence[str] = ()
        if self._entry.takes_command:
            words, command = self._split_command(words)
        # Where options may go without their argument, only the order tells arguments from operands.
        in_order = any(each.option_strings and each.nargs == "?" for each in self._actions)
        arguments, unknown = self.parse_known_args(words if in_order else self._options_first(words))
        if unknown:
            self._refuse(unknown, command)
        if self._entry.takes_command:
            if not command:
                raise UsageError.of(
                    USAGE_CODE, "there is no command to run", help=f"write it last: {self.prog} … -- COMMAND"
                )
            arguments.command = tuple(command)
        return arguments

    def error(self, message: str) -> NoReturn:
        """Turn what argparse found wrong into a diagnostic.

        Raises:
            UsageError: always.
        """
        raise UsageError.of(USAGE_CODE, message, help=self._help)

    def _refuse(self, unknown: Sequence[str], command: Sequence[str]) -> NoReturn:
        """Tell of words that are neither options nor operands.

        Raises:
            UsageError: always.
        """
        first = unknown[0]
        is_option = first.startswith("-")
        advice = did_you_mean(first.partition("=")[0], list(self._option_string_actions)) if is_option else ""
        if self._entry.takes_command and not command and any(not each.startswith("-") for each in unknown):
            advice = advice or f"a command is written last, after two dashes: {self.prog} … -- COMMAND"
        kind = "option" if is_option else "argument"
        raise UsageError.of(USAGE_CODE, f"`{first}` is not an {kind} of `{self.prog}`", help=advice or self._help)

    @property
    def _help(self) -> str:
        return f"`{self.prog} --help` shows what it takes"

    def _options_first(self, words: Sequence[str]) -> list[str]:
        """Return words with the options before the operands, and each option's argument in one word with it.

        argparse itself gives up on operands that stand apart, and on arguments that begin with a dash.

        Source: ``getopt(3)``, how arguments are permuted.
        """
        options: list[str] = []
        operands: list[str] = []
        rest = iter(words)
        for word in rest:
            if word == "--":
                operands += rest
            elif not word.startswith("-") or word == "-":
                operands.append(word)
            elif self._lacks_argument(word):
                argument = next(rest, None)
                if not argument:  # missing, which argparse reports, or empty, which it takes apart only
                    options += [word] if argument is None else [word, ""]
                else:
                    options.append(f"{word}={argument}" if word.startswith("--") else word + argument)
            else:
                options.append(word)
        ambiguous = any(each.startswith("-") and each != "-" for each in operands)
        return [*options, "--", *operands] if ambiguous else [*options, *operands]

    def _lacks_argument(self, word: str) -> bool:
        """Tell whether an option takes the next word as its argument."""
        if word.startswith("--"):
            name = word.partition("=")[0]
            known = self._option_string_actions
            meant = [name] if name in known else [each for each in known if self.allow_abbrev and each.startswith(name)]
            return "=" not in word and len(meant) == 1 and known[meant[0]].nargs is None
        for place, letter in enumerate(word[1:], 2):
            action = self._option_string_actions.get(f"-{letter}")
            if action is None:
                return False
            if action.nargs is None:
                return place == len(word)
        return False

    def _split_command(self, words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
        if "--" not in words:
            return words, ()
        place = list(words).index("--")
        return words[:place], words[place + 1 :]


def _operand_name(action: argparse.Action) -> str:
    """Return what an action takes, as the manual writes it; empty for a flag."""
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, str):
        return action.metavar
    if action.choices is not None:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return action.dest.upper()
