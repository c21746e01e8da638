"""What boxes answer, as forms: who asks as root may meet another user's process that only pretends to be a box."""

from selbox.typing import Any, Final

_LATEST: Final = 1 << 40


def _is_moment(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value < _LATEST


_WORDS: Final = [str]
_BOOLEAN: Final = {"active": bool, "pending": bool, "default": bool}
_KIND: Final = {"scontext": str, "tcontext": str, "tclass": str, "permissions": _WORDS, "comm": str, "permissive": bool}
DENIAL: Final = {**_KIND, "time": _is_moment, "serial": int, "pid": int, "fields": {str: str}, "reasons": _WORDS}
"""One denial. Source: :meth:`selbox.enforce.recorder.Denial.values`."""

BOOLEANS: Final = {str: _BOOLEAN}
CONTEXTS: Final = [None, str]
DENIALS: Final = [DENIAL]
STATUS: Final = {
    "name": str,
    "pid": int,
    "user": int,
    "command": _WORDS,
    "since": _is_moment,
    "enforcing": bool,
    "policy": {"mls": bool, "handle_unknown": str, "types": int, "classes": int, "booleans": int, "seqno": int},
    "booleans": BOOLEANS,
    "avc": dict.fromkeys(("lookups", "hits", "misses", "allocations", "reclaims", "frees", "entries"), int),
    "denials": {"times": int, "kinds": int, "most": [_KIND], "last": DENIALS},
}
"""What the request ``status`` answers, as far as it is used."""


def fits(value: Any, form: Any) -> bool:
    """Tell whether a value of JSON is of a form.

    Args:
        value: the value.
        form: a type; None; a predicate; a list of the forms that members of a list may have; a dictionary of the
            members that an object has at least, or, with :class:`str` as its key, of the form of all its members.
    """
    if form is None:
        return value is None
    if isinstance(form, list):
        return isinstance(value, list) and all(any(fits(each, one) for one in form) for each in value)
    if isinstance(form, dict):
        if not isinstance(value, dict):
            return False
        if str in form:
            return all(fits(each, form[str]) for each in value.values())
        return all(key in value and fits(value[key], each) for key, each in form.items())
    if isinstance(form, type):
        return isinstance(value, form) and (form is bool or not isinstance(value, bool))
    return bool(form(value))
