"""Expectations of a policy: a plain file that says what the policy must allow, deny and label, a line for each.

The page docs/policy-tests.md describes the lines.
"""

import re
from collections.abc import Callable
from enum import Enum

from selbox.diagnostics import Diagnostics, SelboxError, SourceFile, Span, did_you_mean
from selbox.typing import Final, NamedTuple, NoReturn

SYNTAX_CODE: Final = "expectation-syntax"
"""Code of everything that is wrong with a line apart from its names."""

ANY_BOOLEANS: Final = "any"
"""Stands for settings where an expectation is to hold whatever the booleans are."""

EVERY_PERMISSION: Final = "*"
"""Stands for all permissions of a class."""

_TOKEN: Final = re.compile(r'"[^"]*"|[{}]|[^\s{}"]+|"')
_SETTING: Final = re.compile(r"([^\s=]+)=(on|off|true|false|1|0)")
_ON: Final = ("on", "true", "1")


class Demand(Enum):
    """What is expected of an access."""

    ALLOW = "allow"
    DENY = "deny"
    ONLY = "only"


class LabelKind(Enum):
    """Which label is computed."""

    CREATE = "create"
    RELABEL = "relabel"
    MEMBER = "member"


class Word(NamedTuple):
    """A word and its place: the file, and line and column, both from 1."""

    text: str
    source: SourceFile
    line: int
    column: int

    @property
    def span(self) -> Span:
        """The place, for messages."""
        return Span(self.source, self.line, self.column, max(1, len(self.text)))

    def part(self, start: int, end: int | None = None) -> "Word":
        """Return a part of the word, by positions in its text."""
        return Word(
            self.text[start:end],
            self.source,
            self.line,
            self.column + (start if start >= 0 else start + len(self.text)),
        )


class Access(NamedTuple):
    """What may, or may not, be done to what.

    Attributes:
        sources: types, attributes or contexts; ``-NAME`` takes a type or the types of an attribute out.
        targets: likewise; ``self`` is the source.
        classes: classes.
        permissions: permissions, or :data:`EVERY_PERMISSION`.
    """

    sources: tuple[Word, ...]
    targets: tuple[Word, ...]
    classes: tuple[Word, ...]
    permissions: tuple[Word, ...]


class AccessExpectation(NamedTuple):
    """``allow``: all of it is granted; ``deny``: none of it; ``only``: no type but the sources is granted any of it."""

    demand: Demand
    access: Access


class BooleanExpectation(NamedTuple):
    """All of it is granted while a boolean has a value, and none of it while it has the other."""

    boolean: Word
    value: bool
    access: Access


class TransitionExpectation(NamedTuple):
    """A process that runs a program goes to a domain, and may."""

    source: Word
    program: Word
    domain: Word


class LabelExpectation(NamedTuple):
    """An object gets a label."""

    kind: LabelKind
    source: Word
    target: Word
    object_class: Word
    name: str | None
    label: Word


class ValidityExpectation(NamedTuple):
    """A context is valid, or it is not."""

    context: Word
    valid: bool


What = AccessExpectation | BooleanExpectation | TransitionExpectation | LabelExpectation | ValidityExpectation
"""What is expected."""

Settings = tuple[tuple[Word, bool], ...]
"""Values of booleans, in the order of the file."""


class Expectation(NamedTuple):
    """One line.

    Attributes:
        text: the line without comment.
        span: its place.
        settings: values of booleans; the others have the policy's own. None: whatever the booleans are.
        what: what is expected.
    """

    text: str
    span: Span
    settings: Settings | None
    what: What


class _Line:
    """Reads the words of a line from left to right."""

    def __init__(self, source: SourceFile, number: int, text: str) -> None:
        self._source = source
        self._number = number
        self._text = text
        self._words = [Word(each[0], source, number, each.start() + 1) for each in _TOKEN.finditer(text)]
        self._next = 0

    @property
    def span(self) -> Span:
        """The place of the whole line."""
        start = len(self._text) - len(self._text.lstrip())
        return Span(self._source, self._number, start + 1, len(self._text.strip()))

    def peek(self) -> str:
        """Return the next word; empty at the end."""
        return self._words[self._next].text if self._next < len(self._words) else ""

    def word(self, expected: str) -> Word:
        """Take a word.

        Args:
            expected: what it is, for the message when there is none.
        """
        if self.peek() in ("", "{", "}", "->", '"'):
            self.fail(f"expected {expected}")
        self._next += 1
        return self._words[self._next - 1]

    def literal(self, text: str) -> None:
        """Take a word that can only be this."""
        if self.peek() != text:
            self.fail(f"expected `{text}`")
        self._next += 1

    def names(self, expected: str) -> tuple[Word, ...]:
        """Take a word, or several in braces."""
        if self.peek() != "{":
            return (self.word(expected),)
        self._next += 1
        result: list[Word] = []
        while self.peek() != "}":
            result.append(self.word(f"{expected}, or `}}`"))
        self._next += 1
        if not result:
            self.fail(f"expected {expected} between the braces", back=1)
        return tuple(result)

    def target(self) -> tuple[tuple[Word, ...], tuple[Word, ...]]:
        """Take targets and classes, which a colon joins: the last one, for contexts have some too."""
        if self.peek() == "{":
            targets = self.names("a target")
            joined = self.word("`:` and a class")
            if not joined.text.startswith(":"):
                self.fail("expected `:` and a class", back=1)
            return targets, self._classes(joined, joined.text[1:])
        joined = self.word("a target and its class, such as `etc_t:file`")
        name, colon, object_class = joined.text.rpartition(":")
        if not colon:
            self.fail(f"`{joined.text}` has no class", "write `TARGET:CLASS`, such as `etc_t:file`", back=1)
        if not name:
            self.fail("the target is missing", "write `TARGET:CLASS`, such as `etc_t:file`", back=1)
        return (joined.part(0, len(name)),), self._classes(joined, object_class)

    def _classes(self, joined: Word, object_class: str) -> tuple[Word, ...]:
        if not object_class:
            return self.names("a class")
        return (joined.part(len(joined.text) - len(object_class)),)

    def end(self) -> None:
        """Make sure that nothing is left."""
        if self._next < len(self._words):
            self.fail(f"expected the end of the line, found `{self.peek()}`")

    def fail(self, message: str, advice: str = "", back: int = 0) -> NoReturn:
        """Raise an error at the next word, or ``back`` words before it."""
        place = self._next - back
        span = self._words[place].span if place < len(self._words) else self.span
        raise SelboxError.of(SYNTAX_CODE, message, span, advice)


def parse_expectations(source: SourceFile) -> list[Expectation]:
    """Read expectations.

    Raises:
        SelboxError: ``expectation-syntax``, with every line that is wrong; or when there is none at all, so that nobody
            takes a file that was cut off for one that is met.
    """
    diagnostics = Diagnostics()
    result: list[Expectation] = []
    settings: Settings | None = ()
    for number, whole in enumerate(source.text.split("\n"), 1):
        text = _without_comment(whole)
        if not text.strip():
            continue
        line = _Line(source, number, text)
        try:
            if text.lstrip().startswith("["):
                settings = _section(_Line(source, number, text.replace("[", " ", 1)), text)
                continue
            what = _what(line)
            line.end()
        except SelboxError as error:
            for each in error.diagnostics:
                diagnostics.error(each.code, each.message, each.span, each.help)
            continue
        result.append(Expectation(text.strip(), line.span, settings, what))
    diagnostics.raise_if_errors()
    if not result:
        raise SelboxError.of(SYNTAX_CODE, f"`{source.name}` has no expectation")
    return result


def _without_comment(text: str) -> str:
    """Return a line up to ``#``, unless that stands in a name of a file."""
    if "#" not in text:
        return text.rstrip()
    for each in re.finditer(r'"[^"]*"|#', text):
        if each[0] == "#":
            return text[: each.start()].rstrip()
    return text.rstrip()


def _section(line: _Line, text: str) -> Settings | None:
    advice = "write `[booleans NAME=on …]`, `[booleans any]`, or `[booleans]` for the policy's own values"
    if not text.rstrip().endswith("]"):
        line.fail("the line begins with `[` and does not end with `]`", advice)
    keyword = line.word("`booleans`").text
    if keyword not in ("booleans", "booleans]"):
        line.fail(f"`{keyword.rstrip(']')}` is no section", advice, back=1)
    settings: list[tuple[Word, bool]] = []
    is_open = keyword == "booleans"
    while is_open:
        word = line.word("`NAME=on`, `NAME=off` or `]`")
        is_open = not word.text.endswith("]")
        name = word.text.removesuffix("]")
        if name == ANY_BOOLEANS and not settings:
            line.end()
            return None
        setting = _SETTING.fullmatch(name)
        if setting is not None:
            settings.append((word.part(0, len(setting[1])), setting[2] in _ON))
        elif name:
            line.fail(f"`{name}` sets no boolean", advice, back=1)
    line.end()
    return tuple(settings)


def _access(line: _Line) -> Access:
    sources = line.names("a source: a type, an attribute or a context")
    targets, classes = line.target()
    return Access(sources, targets, classes, line.names("a permission"))


def _of_demand(demand: Demand) -> "Callable[[_Line], What]":
    return lambda line: AccessExpectation(demand, _access(line))


def _of_label(kind: LabelKind) -> "Callable[[_Line], What]":
    def read(line: _Line) -> What:
        source = line.word("a source: a type or a context")
        targets, classes = line.target()
        for each in (targets, classes):
            if len(each) > 1:
                raise SelboxError.of(SYNTAX_CODE, "a label is of one target and one class", each[1].span)
        name = None
        if kind is LabelKind.CREATE and line.peek() != "->":
            name = line.word("`->`, or the object's name").text.strip('"')
        line.literal("->")
        return LabelExpectation(kind, source, targets[0], classes[0], name, line.word("a type or a context"))

    return read


def _of_validity(*, valid: bool) -> "Callable[[_Line], What]":
    return lambda line: ValidityExpectation(line.word("a context"), valid)


def _boolean(line: _Line) -> What:
    word = line.word("a boolean")
    setting = _SETTING.fullmatch(word.text)
    if setting is None and "=" in word.text:
        line.fail(f"`{word.text.partition('=')[2]}` is no value of a boolean", "write `NAME=on` or `NAME=off`", back=1)
    name = word.part(0, len(setting[1])) if setting else word
    line.literal("allows")
    return BooleanExpectation(name, setting is None or setting[2] in _ON, _access(line))


def _transition(line: _Line) -> What:
    source = line.word("a source: a type or a context")
    program = line.word("the type or context of a program")
    line.literal("->")
    return TransitionExpectation(source, program, line.word("a type or a context"))


_READERS: "Final[dict[str, Callable[[_Line], What]]]" = {
    **{each.value: _of_demand(each) for each in Demand},
    "boolean": _boolean,
    "transition": _transition,
    **{each.value: _of_label(each) for each in LabelKind},
    "valid": _of_validity(valid=True),
    "invalid": _of_validity(valid=False),
}


def _what(line: _Line) -> What:
    keyword = line.word("a keyword").text
    read = _READERS.get(keyword)
    if read is None:
        advice = did_you_mean(keyword, _READERS) or "lines begin with " + ", ".join(f"`{each}`" for each in _READERS)
        line.fail(f"`{keyword}` begins no expectation", advice, back=1)
    return read(line)
