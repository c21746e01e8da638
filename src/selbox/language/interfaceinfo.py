"""Interface information: what access each interface of a policy gives, as ``sepolgen-ifgen`` collects it.

::

    [InterfaceVector apache_read_log $1:source ]
    $1,httpd_log_t,file,getattr,ioctl,open,read
    $1,var_log_t,dir,getattr,open,search

A heading has an interface's name and its parameters, each with what it stands for. Each line below is a source, a
target, a class and the permissions.

Source: ``InterfaceSet.from_file`` of sepolgen's ``interfaces.py``.
"""

import re
from collections.abc import Mapping, Sequence

from selbox.diagnostics import Diagnostics, SourceFile, Span
from selbox.typing import Final, NamedTuple

SYNTAX_CODE: Final = "interface-info-syntax"
SOURCE: Final = "source"
TARGET: Final = "target"
OBJECT_CLASS: Final = "object"
"""What a parameter may stand for, as far as an interface with it can be called for one access."""

_KINDS: Final = frozenset({SOURCE, TARGET, OBJECT_CLASS, "permission", "role", "destination"})
_PARAMETER: Final = re.compile(r"\$\d{1,9}")
_HEADING: Final = "InterfaceVector"


class InterfaceAccess(NamedTuple):
    """One access that an interface gives; source, target and class may be parameters, such as ``$1``."""

    source: str
    target: str
    object_class: str
    permissions: frozenset[str]


class Interface(NamedTuple):
    """An interface.

    Attributes:
        name: what is called.
        parameters: for each one, as ``$1``, what it stands for.
        accesses: what it gives; no two have the same source, target and class.
    """

    name: str
    parameters: Mapping[str, str]
    accesses: Sequence[InterfaceAccess]


def is_parameter(name: str) -> bool:
    """Tell whether a name stands for an argument of the call."""
    return name.startswith("$") and _PARAMETER.fullmatch(name) is not None


def parse_interface_info(source: SourceFile) -> list[Interface]:
    """Read interface information; interfaces without a parameter are left out, as nothing calls them for an access.

    Raises:
        SelboxError: ``interface-info-syntax``, with the lines that are wrong.
    """
    reader = _Reader(source)
    for number, line in enumerate(source.text.split("\n"), 1):
        reader.take(number, line.rstrip())
    reader.end_interface()
    reader.diagnostics.raise_if_errors()
    return list(reader.interfaces.values())


class _Reader:
    """Takes the lines one by one."""

    def __init__(self, source: SourceFile) -> None:
        self.interfaces: dict[str, Interface] = {}
        self.diagnostics = Diagnostics()
        self._source = source
        self._name = ""
        self._is_callable = False
        self._parameters: dict[str, str] = {}
        self._accesses: dict[tuple[str, str, str], frozenset[str]] = {}

    def take(self, number: int, line: str) -> None:
        """Take a line by its number from 1."""
        if line.startswith("["):
            self.end_interface()
            self._heading(number, line)
        elif line:
            self._access(number, line)

    def end_interface(self) -> None:
        """Keep what has been read of an interface; a later one of the same name takes its place."""
        if self._is_callable:
            accesses = [InterfaceAccess(*key, permissions) for key, permissions in self._accesses.items()]
            self.interfaces[self._name] = Interface(self._name, self._parameters, accesses)
        self._name, self._is_callable = "", False

    def _heading(self, number: int, line: str) -> None:
        words = line.strip("[]").split()
        if not line.endswith("]") or len(words) < 2 or words[0] != _HEADING:
            self._wrong(number, line, f"an interface begins as `[{_HEADING} NAME $1:source ]`")
            return
        self._name, self._parameters, self._accesses = words[1], {}, {}
        self._is_callable = len(words) > 2
        for word in words[2:]:
            parameter, _, kind = word.partition(":")
            if not is_parameter(parameter) or kind not in _KINDS:
                self._wrong(number, line, f"`{word}` is no parameter: write `$1:source` or the like")
            self._parameters[parameter] = kind

    def _access(self, number: int, line: str) -> None:
        words = line.split(",")
        if len(words) < 4 or not all(words):
            self._wrong(number, line, "an access is a source, a target, a class and permissions, with commas between")
        elif not self._name:
            self._wrong(number, line, "an access stands below the heading of its interface")
        else:
            key = (words[0], words[1], words[2])
            self._accesses[key] = self._accesses.get(key, frozenset()).union(words[3:])
            for name, kind in zip(key, (SOURCE, TARGET, OBJECT_CLASS), strict=True):
                if is_parameter(name):
                    self._use(name, kind)

    def _use(self, parameter: str, kind: str) -> None:
        """Note what a parameter is used as: who is a source somewhere is one, what else contradicts is left."""
        known = self._parameters.setdefault(parameter, kind)
        if {known, kind} == {SOURCE, TARGET}:
            self._parameters[parameter] = SOURCE

    def _wrong(self, number: int, line: str, message: str) -> None:
        span = Span(self._source, number, 1, max(1, len(line)))
        self.diagnostics.error(
            SYNTAX_CODE, message, span, "make the file again with `sepolgen-ifgen`, or name the one that it made"
        )
