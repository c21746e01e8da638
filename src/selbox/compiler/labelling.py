"""Labels of objects that carry none: initial SIDs, files, file systems, the network."""

from typing import Final

from selbox.compiler.contexts import Contexts
from selbox.compiler.errors import StatementError
from selbox.compiler.namespace import Place, Symbol
from selbox.compiler.origins import Origins
from selbox.compiler.program import Program
from selbox.compiler.rules import text
from selbox.compiler.settings import choose
from selbox.language.cil import Form
from selbox.model.context import Context
from selbox.model.labelling import (
    FileContext,
    FileKind,
    FilesystemUse,
    FilesystemUseBehaviour,
    GenericFilesystemContext,
    InterfaceContext,
    NodeContext,
    PortContext,
)

_KINDS: Final = {kind.value: kind for kind in FileKind}
_BEHAVIOURS: Final = {behaviour.value: behaviour for behaviour in FilesystemUseBehaviour}
_PROTOCOLS: Final = ("tcp", "udp", "dccp", "sctp")


class Labelling:
    """Labelling statements, as the policy holds them.

    Attributes:
        sid_contexts: context by initial SID symbol.
        files, generic, uses, ports, nodes, interfaces: entries in the order of the statements.
    """

    def __init__(self, program: Program, contexts: Contexts, origins: Origins) -> None:
        self._program = program
        self._contexts = contexts
        self._origins = origins
        self.sid_contexts: dict[Symbol, Context] = {}
        self.files: list[FileContext] = []
        self.generic: list[GenericFilesystemContext] = []
        self.uses: list[FilesystemUse] = []
        self.ports: list[PortContext] = []
        self.nodes: list[NodeContext] = []
        self.interfaces: list[InterfaceContext] = []

    def collect(self, only_optional: bool) -> None:
        """Take in every labelling statement."""
        self._program.run_declared("ipaddr", lambda symbol: _packed(symbol.form[2], symbol.form, symbol.place, (2,)))
        run = self._program.run
        run("sidcontext", self._sidcontext, only_optional)
        run("filecon", self._filecon, only_optional)
        run("genfscon", self._genfscon, only_optional)
        run("fsuse", self._fsuse, only_optional)
        run("portcon", self._portcon, only_optional)
        run("nodecon", self._nodecon, only_optional)
        run("netifcon", self._netifcon, only_optional)

    def _sidcontext(self, form: Form, place: Place) -> None:
        symbol = self._program.resolve("sid", form, place, 1)
        if symbol in self.sid_contexts:
            raise StatementError(
                "cil-duplicate-context", f"initial SID `{symbol.name}` has a context already", place, form
            )
        self.sid_contexts[symbol] = self._contexts.context(form, place, 2)

    def _filecon(self, form: Form, place: Place) -> None:
        kind = choose(form, place, 2, _KINDS)
        context = None if form[3] == [] else self._contexts.context(form, place, 3)
        self.files.append(FileContext(text(form, place, 1), kind, context, self._origins.number(form, place)))

    def _genfscon(self, form: Form, place: Place) -> None:
        kind = choose(form, place, 3, _KINDS) if len(form) == 5 else FileKind.ANY
        context = self._contexts.context(form, place, len(form) - 1)
        filesystem, path = text(form, place, 1), text(form, place, 2)
        self.generic.append(
            GenericFilesystemContext(filesystem, path, context, kind, self._origins.number(form, place))
        )

    def _fsuse(self, form: Form, place: Place) -> None:
        behaviour = choose(form, place, 1, _BEHAVIOURS)
        context = self._contexts.context(form, place, 3)
        self.uses.append(FilesystemUse(behaviour, text(form, place, 2), context, self._origins.number(form, place)))

    def _portcon(self, form: Form, place: Place) -> None:
        protocol = choose(form, place, 1, {each: each for each in _PROTOCOLS})
        item = form[2]
        paths = [(2,), (2,)] if isinstance(item, str) else [(2, index) for index in range(len(item))]
        if len(paths) != 2:
            raise StatementError("cil-syntax", "expected a port or `(LOW HIGH)`", place, form, (2,))
        low, high = (_port(form, place, path) for path in paths)
        if low > high:
            raise StatementError("cil-bad-range", f"port {low} is above port {high}", place, form, (2,))
        context = self._contexts.context(form, place, 3)
        self.ports.append(PortContext(protocol, low, high, context, self._origins.number(form, place)))

    def _nodecon(self, form: Form, place: Place) -> None:
        address, mask = self._address(form, place, 1), self._address(form, place, 2)
        if len(address) != len(mask):
            raise StatementError("cil-bad-address", "address and mask are of different families", place, form, (2,))
        context = self._contexts.context(form, place, 3)
        self.nodes.append(NodeContext(address, mask, context, self._origins.number(form, place)))

    def _netifcon(self, form: Form, place: Place) -> None:
        interface = self._contexts.context(form, place, 2)
        packet = self._contexts.context(form, place, 3)
        name = text(form, place, 1)
        self.interfaces.append(InterfaceContext(name, interface, packet, self._origins.number(form, place)))

    def _address(self, form: Form, place: Place, index: int) -> bytes:
        """Return a packed IP address: written out, in parentheses, or the name of an ``ipaddr``."""
        item = form[index]
        if isinstance(item, Form):
            if len(item) == 1 and isinstance(item[0], str):
                return _packed(item[0], form, place, (index, 0))
            raise StatementError("cil-syntax", "expected `(ADDRESS)`", place, form, (index,))
        if ":" in item or item[:1].isdigit():
            raise StatementError(
                "cil-syntax", "an address stands in parentheses here", place, form, (index,), f"write `({item})`"
            )
        symbol = self._program.resolve("ipaddr", form, place, index)
        at = 2 if symbol.name else 0
        return _packed(symbol.form[at], symbol.form, symbol.place, (at,))


def _port(form: Form, place: Place, path: tuple[int, ...]) -> int:
    item: Form | str = form
    for index in path:
        item = item[index]
    if not isinstance(item, str) or not item.isascii() or not item.isdigit() or int(item) > 65535:
        raise StatementError("cil-bad-port", "expected a port number from 0 to 65535", place, form, path)
    return int(item)


def _packed(text_: "Form | str", form: Form, place: Place, path: tuple[int, ...]) -> bytes:
    from ipaddress import ip_address  # only policies that label network nodes pay for this import

    assert isinstance(text_, str)  # noqa: S101 - the shape has been checked
    try:
        return ip_address(text_).packed
    except ValueError as error:
        raise StatementError("cil-bad-address", f"`{text_}` is no IP address", place, form, path) from error
