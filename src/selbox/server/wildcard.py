"""Patterns of the kernel: ``*`` for any characters, ``?`` for one."""


def matches_wildcard(pattern: str, text: str) -> bool:
    """Tell whether a pattern matches a whole text, in time that is at most the product of their lengths.

    Source: the kernel's ``match_wildcard`` (``lib/parser.c``).
    """
    at = position = 0
    star = retry = -1
    while position < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, retry = at, position
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[position]):
            at += 1
            position += 1
        elif star >= 0:
            retry += 1
            at, position = star + 1, retry
        else:
            return False
    return pattern[at:].strip("*") == ""
