"""Labels of objects that carry none: initial SIDs, files, file systems, the network."""

from contextlib import suppress

from selbox.compiler.contexts import Contexts
from selbox.compiler.errors import StatementError
from selbox.compiler.integers import integer_range
from selbox.compiler.namespace import Place, Symbol
from selbox.compiler.origins import Origins
from selbox.compiler.program import Program
from selbox.compiler.rules import text
from selbox.compiler.settings import choose
from selbox.language.cil import Form
from selbox.model.context import Context
from selbox.model.labelling import (
    PORT_PROTOCOLS,
    FileContext,
    FileKind,
    FilesystemUse,
    FilesystemUseBehaviour,
    GenericFilesystemContext,
    InterfaceContext,
    NodeContext,
    PortContext,
)
from selbox.typing import Final

_KINDS: Final = {kind.value: kind for kind in FileKind}
_BEHAVIOURS: Final = {behaviour.value: behaviour for behaviour in FilesystemUseBehaviour}
_GREATEST_PORT: Final = 0xFFFF


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
        protocol = choose(form, place, 1, {each: each for each in PORT_PROTOCOLS})
        low, high = integer_range(form, place, 2, "a port", False)
        if max(low, high) > _GREATEST_PORT:
            self._program.diagnostics.warning(
                "cil-port-range",
                f"ports end at {_GREATEST_PORT}; {max(low, high)} means {max(low, high) & _GREATEST_PORT}",
                place.tree.span(form, 2),
            )
            low, high = low & _GREATEST_PORT, high & _GREATEST_PORT
        if low > high:
            self._program.diagnostics.warning(
                "cil-port-range", f"port {low} is above port {high}: the range is empty", place.tree.span(form, 2)
            )
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
        """Return a packed IP address: written out, with or without parentheses, or the name of an ``ipaddr``."""
        item = form[index]
        if isinstance(item, Form):
            return _packed_alone(item, form, place, (index,))
        if ":" in item or item[:1].isdigit():
            return _packed(item, form, place, (index,))
        symbol = self._program.resolve("ipaddr", form, place, index)
        if not symbol.name:
            return _packed_alone(symbol.form, symbol.form, symbol.place, ())
        return _packed(symbol.form[2], symbol.form, symbol.place, (2,))


def _packed_alone(item: Form, form: Form, place: Place, path: tuple[int, ...]) -> bytes:
    """Return the packed IP address that is all that a form holds."""
    if len(item) != 1 or not isinstance(item[0], str):
        raise StatementError("cil-syntax", "expected `(ADDRESS)`", place, form, path)
    return _packed(item[0], form, place, (*path, 0))


def _packed(text_: "Form | str", form: Form, place: Place, path: tuple[int, ...]) -> bytes:
    from ipaddress import ip_address  # only policies that label network nodes pay for this import

    assert isinstance(text_, str)  # noqa: S101 - the shape has been checked
    if "%" not in text_:  # Python takes a zone; the reference compiler does not
        with suppress(ValueError):
            return ip_address(text_).packed
    raise StatementError("cil-bad-address", f"`{text_}` is no IP address", place, form, path)
