"""Contexts of a base module as CIL: initial SIDs, ports, network interfaces, nodes, file systems, Infiniband.

Source: ``ocontexts_to_cil``, ``genfscon_to_cil`` and ``context_to_cil`` of libsepol's ``module_to_cil.c``.
"""

from ipaddress import IPv4Address, IPv6Address

from selbox.binary.module import Module
from selbox.binary.modulesections import labelling
from selbox.binary.modulesections.values import Context, ContextLevel, FilesystemContext, ObjectContext
from selbox.compiler.text.modules.names import spaced
from selbox.compiler.text.modules.symbols import DEFAULT_LEVEL
from selbox.diagnostics import Diagnostics, SelboxError
from selbox.model.initialsids import INITIAL_SIDS
from selbox.model.labelling import FILE_CLASSES, FILESYSTEM_USE_NUMBERS, PORT_PROTOCOLS
from selbox.model.policy import Target
from selbox.typing import Final

_PROTOCOLS: Final = {number: name for name, number in PORT_PROTOCOLS.items()}
_FILE_KINDS: Final = {object_class: kind.value for kind, object_class in FILE_CLASSES.items()}
_BEHAVIOURS: Final = {number: behaviour.value for behaviour, number in FILESYSTEM_USE_NUMBERS.items()}
_INITIAL_SIDS: Final = INITIAL_SIDS[Target.SELINUX]
_NO_SID: Final = "null"
"""What libsepol calls the number 0, which no kernel has."""


class LabelWriter:
    """Writes the contexts of a base module.

    Args:
        module: the module.
        name: what messages call its file.
    """

    def __init__(self, module: Module, name: str) -> None:
        self._module = module
        self._file = name

    def statements(self, diagnostics: Diagnostics | None, out: list[str]) -> None:
        """Write all of them.

        Args:
            diagnostics: receives a warning where ``fscon`` statements are left out.
            out: receives the lines.

        Raises:
            SelboxError: ``module-context``.
        """
        for kind, contexts in enumerate(self._module.object_contexts):
            if kind == labelling.SIDS:
                self._sids(contexts, out)
            elif kind == labelling.FILESYSTEMS:
                if contexts and diagnostics is not None:
                    diagnostics.warning(
                        "module-left-out", f"{self._file}: `fscon` statements have no like in CIL and are left out"
                    )
            else:
                out += [f"({self._subject(kind, each)} {self._contexts(each)})\n" for each in contexts]
        out += [self._filesystem(each) for each in self._module.filesystem_contexts]

    def _filesystem(self, context: FilesystemContext) -> str:
        kind = ""
        if context.object_class:
            object_class = self._module.tables.classes.names[context.object_class]
            if object_class not in _FILE_KINDS:
                raise SelboxError.of(
                    "module-context",
                    f"{self._file}: genfscon {context.filesystem} {context.path!r} is about class `{object_class}`, "
                    "which is no kind of file",
                )
            kind = f" {_FILE_KINDS[object_class]}"
        return f'(genfscon {context.filesystem} "{context.path}"{kind} {self._context(context.context)})\n'

    def _sids(self, contexts: tuple[ObjectContext, ...], out: list[str]) -> None:
        names = []
        for each in contexts:
            name = _initial_sid(*each.numbers)
            names.append(name)
            out.append(f"(sid {name})\n(sidcontext {name} {self._contexts(each)})\n")
        if names:
            out.append(f"(sidorder ({''.join(f'{name} ' for name in reversed(names))}))\n")

    def _subject(self, kind: int, context: ObjectContext) -> str:
        name, numbers, address, _, _ = context
        if kind == labelling.PORTS:
            return f"portcon {self._word(_PROTOCOLS, numbers[0], 'protocol')} {_span(*numbers[1:])}"
        if kind == labelling.INTERFACES:
            return f"netifcon {name}"
        if kind == labelling.NODES:
            return f"nodecon ({IPv4Address(address[:4])}) ({IPv4Address(address[4:])})"
        if kind == labelling.NODES6:
            return f"nodecon ({_ipv6(address[:16])}) ({_ipv6(address[16:])})"
        if kind == labelling.FSUSES:
            return f"fsuse {self._word(_BEHAVIOURS, numbers[0], 'behaviour')} {name}"
        if kind == labelling.PARTITION_KEYS:
            return f"ibpkeycon {_ipv6(address + bytes(8))} {_span(*numbers)}"
        return f"ibendportcon {name} {numbers[0]}"

    def _word(self, words: dict[int, str], number: int, what: str) -> str:
        if number in words:
            return words[number]
        raise SelboxError.of("module-context", f"{self._file}: a statement has {what} {number}, which CIL cannot say")

    def _contexts(self, context: ObjectContext) -> str:
        text = self._context(context.context)
        return text if context.second is None else f"{text} {self._context(context.second)}"

    def _context(self, context: Context) -> str:
        tables = self._module.tables
        low = high = DEFAULT_LEVEL
        if self._module.mls and context.low is not None and context.high is not None:
            low, high = self._level(context.low), self._level(context.high)
        return (
            f"({tables.users.names[context.user]} {tables.roles.names[context.role]} "
            f"{tables.types.names[context.type]} ({low} {high}))"
        )

    def _level(self, level: ContextLevel) -> str:
        tables = self._module.tables
        categories = f"({spaced(level.categories, tables.categories.names)})" if level.categories else ""
        return f"({tables.sensitivities.names.get(level.sensitivity, '')}{categories})"


def _initial_sid(number: int) -> str:
    if not number:
        return _NO_SID
    return _INITIAL_SIDS[number - 1] if number <= len(_INITIAL_SIDS) else f"UNKNOWN{number}"


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"({low} {high})"


def _ipv6(address: bytes) -> str:
    """Return an address as the C library writes it."""
    value = IPv6Address(address)
    first_words, last = int(value) >> 32, int(value) & 0xFFFFFFFF
    if first_words in (0, 0xFFFF) and last > 0xFFFF:
        return f"::{'ffff:' if first_words else ''}{IPv4Address(last)}"
    return str(value)
