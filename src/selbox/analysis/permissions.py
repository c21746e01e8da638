"""Words of expectations as classes and access vectors of a policy."""

import re
from collections.abc import Iterable

from selbox.analysis.questions import Wanted
from selbox.diagnostics import SelboxError, did_you_mean
from selbox.language.expectations import EVERY_PERMISSION, SYNTAX_CODE, Word
from selbox.model.policy import Policy
from selbox.typing import Final

_NUMBER: Final = r"(0x[0-9a-fA-F]{1,4}|[0-9]{1,5})"
_EXTENDED: Final = re.compile(rf"(ioctl|nlmsg)\({_NUMBER}(?:-{_NUMBER})?\)")
_LAST_NUMBER: Final = 0xFFFF


def class_of(policy: Policy, word: Word) -> int:
    """Return the id of the class that a word names.

    Raises:
        SelboxError: ``unknown-class``, at the word's place.
    """
    found = policy.class_ids.get(word.text)
    if found is None:
        advice = did_you_mean(word.text, policy.class_ids)
        raise SelboxError.of("unknown-class", f"the policy has no class `{word.text}`", word.span, advice)
    return found


def wanted_permissions(policy: Policy, object_class: int, words: Iterable[Word]) -> list[Wanted]:
    """Return access vectors, each with extended permissions or, the first one, without.

    Args:
        policy: whose names the words use.
        object_class: class id.
        words: names of permissions, ``*`` for all, or ``ioctl(NUMBER)`` and ``ioctl(NUMBER-NUMBER)``.

    Raises:
        SelboxError: ``unknown-permission`` or ``expectation-syntax``, at the word's place.
    """
    described = policy.classes[object_class]
    vector = 0
    extended: list[Wanted] = []
    for word in words:
        if word.text == EVERY_PERMISSION:
            vector = (1 << len(described.permissions)) - 1
            continue
        refined = _EXTENDED.fullmatch(word.text)
        if refined is None and "(" in word.text:
            raise _no_numbers(word)
        name = refined[1] if refined else word.text
        if name not in described.permissions:
            message = f"class `{described.name}` has no permission `{name}`"
            raise SelboxError.of("unknown-permission", message, word.span, did_you_mean(name, described.permissions))
        bit = 1 << described.permissions.index(name)
        if refined is None:
            vector |= bit
        else:
            extended.append(Wanted(object_class, bit, _numbers(word, refined[2], refined[3] or refined[2])))
    return [Wanted(object_class, vector), *extended] if vector else extended


def _numbers(word: Word, low: str, high: str) -> range:
    first, last = (int(each, 16 if each.startswith("0x") else 10) for each in (low, high))
    if not first <= last <= _LAST_NUMBER:
        raise _no_numbers(word)
    return range(first, last + 1)


def _no_numbers(word: Word) -> SelboxError:
    words = f"extended permissions are numbers from 0 to {_LAST_NUMBER:#x}"
    return SelboxError.of(SYNTAX_CODE, words, word.span, "write `ioctl(0x5401)` or `ioctl(0x5400-0x54ff)`")
