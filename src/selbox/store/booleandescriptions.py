"""What booleans are for, as the reference policy's authors describe them in the file that its packages install."""

import re
from html import unescape

from selbox.diagnostics import SelboxError
from selbox.store.inputs import read_input
from selbox.typing import Final

POLICY_XML: Final = "/usr/share/selinux/devel/policy.xml"
"""Where distributions install it, with what policy modules are built from."""

_BOOLEAN: Final = re.compile(
    r"<(?:tunable|bool)\s[^<>]*\bname=\"(?P<name>\w+)\"[^<>]*>\s*<desc>\s*<p>(?P<words>[^<>]*)</p>"
)


class BooleanDescriptions:
    """Describes booleans; the file is read when the first is asked for.

    Args:
        path: of the file. Where it cannot be read, a boolean's own name is made words of.
    """

    def __init__(self, path: str = POLICY_XML) -> None:
        self._path = path
        self._words: dict[str, str] | None = None

    def describe(self, boolean: str) -> str:
        """Return a sentence on a boolean.

        Source: ``boolean_desc`` of sepolicy.
        """
        if self._words is None:
            self._words = self._read()
        subject, _, rest = boolean.partition("_")
        return self._words.get(boolean) or f"Allow {subject} to {rest.replace('_', ' ')}"

    def _read(self) -> dict[str, str]:
        try:
            text = read_input(self._path).content.decode("utf-8", "replace")
        except SelboxError:
            return {}
        found = _BOOLEAN.finditer(text)
        return {each["name"]: unescape(each["words"]).strip("\n").replace("\n", " ") for each in found}
