"""Regular expressions of file contexts: PCRE as policy writes it, turned into what Python's ``re`` reads.

Policy relies on a small part of PCRE, and nearly all of it means the same to ``re``; the differences are few and
are translated here. What cannot be translated is refused with its pattern, never approximated: a pattern that
matched too little would leave a file with another label than its policy gives it.
"""

import re

from selbox.diagnostics import SelboxError
from selbox.store.pathpattern import PATTERN_CODE

_POSIX_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t-\r ",
    "upper": "A-Z",
    "word": "0-9A-Z_a-z",
    "xdigit": "0-9A-Fa-f",
}
_ESCAPES = {
    "E": "",
    "N": r"[^\n]",
    "R": r"(?:\r\n|[\n-\r\x85])",
    "e": r"\x1b",
    "h": r"[ \t\xa0]",
    "H": r"[^ \t\xa0]",
    "z": r"\Z",
    "Z": r"(?=\n?\Z)",
}
_CLASS_ESCAPES = {"e": r"\x1b", "h": r" \t\xa0"}

_OUTSIDE_CLASS = re.compile(
    r"""
      \\Q (?P<quote>.*?) (?: \\E | \Z )
    | \\ (?P<escape>.)
    | (?P<open>\[ \^? \]? -?)
    | (?P<name>\(\?<) (?=[A-Za-z_])
    | (?P<open_bound>\{ (?=,))
    """,
    re.VERBOSE | re.DOTALL,
)
_INSIDE_CLASS = re.compile(
    r"""
      \\ (?P<escape>.)
    | \[: (?P<negated>\^?) (?P<posix>[a-z]+) :\]
    | (?P<reserved>[\[&|~] | (?<=-)-)
    | (?P<close>\])
    """,
    re.VERBOSE | re.DOTALL,
)


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a file context's pattern; use ``fullmatch`` of the result, as the pattern is for the whole path.

    Bytes beyond ASCII are matched one by one, as libselinux does: pattern and path must have come through
    :func:`selbox.store.pathpattern.as_bytes_text`.

    Source: ``regex_prepare_data`` of libselinux (``PCRE2_DOTALL``, no UTF mode).

    Raises:
        SelboxError: code ``file-context-pattern`` when the pattern is broken or has no equal in Python.
    """
    try:
        return re.compile(_translate(pattern), re.DOTALL | re.ASCII)
    except (re.error, ValueError, RecursionError, OverflowError) as error:
        raise SelboxError.of(
            PATTERN_CODE,
            f"the file context pattern `{pattern}` is not a regular expression that can be used: {error}",
            help="a special character that stands for itself needs a backslash before it, such as `\\.` or `\\+`",
        ) from error


def _translate(pattern: str) -> str:
    """Rewrite the parts of a PCRE that ``re`` spells differently."""
    result: list[str] = []
    position = 0
    in_class = False
    while position < len(pattern):
        token = (_INSIDE_CLASS if in_class else _OUTSIDE_CLASS).match(pattern, position)
        if token is None:
            result.append(pattern[position])
            position += 1
            continue
        position = token.end()
        if in_class:
            in_class = not token["close"]
            result.append(_inside(token))
        else:
            in_class = bool(token["open"])
            result.append(_outside(token))
    return "".join(result)


def _outside(token: re.Match[str]) -> str:
    if token["quote"] is not None:
        return re.escape(token["quote"])
    if token["escape"]:
        return _ESCAPES.get(token["escape"], token.group())
    if token["open"]:
        # A `]` or `-` right after the opening stands for itself in both dialects.
        return token["open"].replace("]", r"\]").replace("-", r"\-")
    return "(?P<" if token["name"] else r"\{"


def _inside(token: re.Match[str]) -> str:
    if token["escape"]:
        return _CLASS_ESCAPES.get(token["escape"], token.group())
    if token["posix"]:
        members = _POSIX_CLASSES.get(token["posix"])
        if members is None or token["negated"]:
            raise ValueError(f"`{token.group()}` is not known")
        return members
    # `re` reserves these inside a class for set operations that it does not have yet.
    return "\\" + token.group() if token["reserved"] else token.group()
