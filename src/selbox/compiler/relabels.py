"""Labels of a policy that is put together again."""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

from selbox.compiler import labelorder as order
from selbox.compiler.baseline import PlainContext
from selbox.compiler.program import OBJECT_ROLE
from selbox.compiler.renewal import Parts, Types
from selbox.compiler.rereading import GiveUpError
from selbox.compiler.text.filecontexts import file_contexts_text
from selbox.model.bitset import members
from selbox.model.context import Context
from selbox.model.labelling import (
    FileContext,
    FileKind,
    FilesystemUse,
    FilesystemUseBehaviour,
    GenericFilesystemContext,
    InfinibandKeyContext,
    InfinibandPortContext,
    InitialSid,
    InterfaceContext,
    NodeContext,
    PortContext,
)
from selbox.model.mls import LOWEST, Level, LevelRange
from selbox.model.policy import Policy
from selbox.model.rules import Rules
from selbox.model.symbols import Category, Role, Sensitivity, Type, User
from selbox.typing import Any, Final

_KINDS: Final = {
    "--": FileKind.FILE,
    "-d": FileKind.DIRECTORY,
    "-c": FileKind.CHARACTER,
    "-b": FileKind.BLOCK,
    "-s": FileKind.SOCKET,
    "-p": FileKind.PIPE,
    "-l": FileKind.SYMLINK,
}


class Relabels:
    """Labels of an earlier compilation and of statements that were read again.

    Args:
        parts: both.
        types: after the change.
        ids: final ids of types.
    """

    def __init__(self, parts: Parts, types: Types, ids: Sequence[int]) -> None:
        self._parts = parts
        self._types = types
        self._ids = ids
        self._labels = parts.baseline.labels
        self._found = parts.reread.resolution.labelling
        self._mls = parts.baseline.written.mls

    @cached_property
    def genfs_change(self) -> bool:
        """Whether labels of file systems by path have come or gone."""
        changes = bool(self._found.generic) or self._any_gone(self._labels.genfs)
        if changes and self._parts.baseline.labels.are_patterns:
            raise GiveUpError
        return changes

    @cached_property
    def objects_change(self) -> bool:
        """Whether labels of file systems or of the network have come or gone."""
        found = self._found
        labels = self._labels
        come = found.uses or found.ports or found.nodes or found.interfaces
        return bool(come) or any(map(self._any_gone, (labels.uses, labels.ports, labels.nodes, labels.interfaces)))

    def _any_gone(self, labels: Iterable[tuple[Any, ...]]) -> bool:
        return any(self._parts.gone(label[-1]) for label in labels)

    def _context(self, plain: PlainContext) -> Context:
        user, role, type_id, (low, high) = plain
        return Context(user, role, self._ids[type_id], LevelRange(Level(*low), Level(*high)))

    def _new_context(self, context: Context) -> Context:
        found = context._replace(type=self._ids[context.type])
        return found if self._mls else found._replace(range=LevelRange(LOWEST, LOWEST))

    def fields(self) -> dict[str, Any]:
        """Return the labels as fields of a policy, all but those of files."""
        labels = self._labels
        found = self._found
        context = self._context
        return {
            "initial_sids": tuple(
                InitialSid(name, None if plain is None else context(plain)) for name, plain in labels.initial_sids
            ),
            "genfs_contexts": self._joined(
                labels.genfs,
                lambda each: GenericFilesystemContext(each[0], each[1], context(each[2]), FileKind(each[3])),
                found.generic,
                order.generic_key,
            ),
            "filesystem_uses": self._joined(
                labels.uses,
                lambda each: FilesystemUse(FilesystemUseBehaviour(each[0]), each[1], context(each[2])),
                found.uses,
                order.use_key,
            ),
            "port_contexts": self._joined(
                labels.ports,
                lambda each: PortContext(each[0], each[1], each[2], context(each[3])),
                found.ports,
                order.port_key,
            ),
            "node_contexts": self._joined(
                labels.nodes, lambda each: NodeContext(each[0], each[1], context(each[2])), found.nodes, order.node_key
            ),
            "interface_contexts": self._joined(
                labels.interfaces,
                lambda each: InterfaceContext(each[0], context(each[1]), context(each[2])),
                found.interfaces,
                order.interface_key,
            ),
            "infiniband_keys": tuple(
                InfinibandKeyContext(each[0], each[1], each[2], context(each[3])) for each in labels.infiniband_keys
            ),
            "infiniband_ports": tuple(
                InfinibandPortContext(each[0], each[1], context(each[2])) for each in labels.infiniband_ports
            ),
        }

    def _joined(
        self,
        plain: Iterable[tuple[Any, ...]],
        make: Callable[[tuple[Any, ...]], Any],
        found: Sequence[Any],
        key: Callable[[Any], order.Key],
    ) -> tuple[Any, ...]:
        """Return labels in the order of the policy; what is labelled twice has to be told of by a whole compilation."""
        labels = [make(each) for each in plain if not self._parts.gone(each[-1])]
        if not found:
            return tuple(labels)
        for each in found:
            changed = {
                name: self._new_context(value) for name, value in each._asdict().items() if isinstance(value, Context)
            }
            labels.append(each._replace(**changed))
        by_key = {key(label): label for label in labels}
        if len(by_key) < len(labels):
            raise GiveUpError
        return tuple(by_key[each] for each in sorted(by_key))

    def file_contexts(self) -> bytes:
        """Return the lines of file contexts."""
        content = self._labels.file_contexts
        places = array("Q")
        places.frombytes(self._labels.file_places)
        gone = {index for index, place in enumerate(places) if self._parts.gone(place)}
        if not gone and not self._found.files:
            return content
        lines = content.decode(errors="surrogateescape").splitlines(keepends=True)
        if len(lines) != len(places):
            lines = [f"{line}\n" for line in content.decode(errors="surrogateescape").split("\n")[:-1]]
        lines = [line for index, line in enumerate(lines) if index not in gone]
        added = {order.file_key(each): each for each in self._found.files}
        if len(added) < len(self._found.files):
            raise GiveUpError
        for key, each in added.items():
            index = bisect_left(lines, key, key=_line_key)
            if index < len(lines) and _line_key(lines[index]) == key:
                raise GiveUpError  # it is warned of
            lines.insert(index, self._line(each))
        return "".join(lines).encode(errors="surrogateescape")

    def _line(self, label: FileContext) -> str:
        context = label.context
        if context is not None and not self._mls:
            context = context._replace(range=LevelRange(LOWEST, LOWEST))
        line = file_contexts_text(self._names._replace(file_contexts=(label._replace(context=context),)))
        if line.count("\t") > 2 or line.count("\n") > 1 or "\t" in label.pattern:
            raise GiveUpError
        return line

    @cached_property
    def _names(self) -> Policy:
        """A policy that knows the names of what contexts are made of, and no more."""
        names = self._parts.baseline.names
        lowest = LevelRange(LOWEST, LOWEST)
        return Policy(
            classes=(),
            types=tuple(Type(name, is_attribute=False, types=0) for name in self._parts.reread.names.types),
            roles=tuple(Role(name, 0) for name in names.roles),
            users=tuple(User(name, 0, LOWEST, lowest) for name in names.users),
            booleans=(),
            sensitivities=tuple(Sensitivity(name, usable) for name, usable in names.sensitivities),
            categories=tuple(map(Category, names.categories)),
            rules=Rules(),
            mls=self._mls,
        )

    def check_roles(self) -> None:
        """Give up where a role may take a type no longer with which something is labelled, or is warned of."""
        earlier = self._parts.baseline.groups.role_types
        now = self._parts.reread.resolution.identities.role_types
        roles = self._parts.baseline.names.roles
        declared = 0
        for each in self._types.order:
            declared |= 1 << each
        for role, types in earlier.items():
            if self._parts.baseline.groups.is_loose and roles[role] == OBJECT_ROLE and now.get(role, 0) != types:
                raise GiveUpError
            lost = types & ~now.get(role, 0) & declared
            for each in members(lost):
                if self._is_used(role, each):
                    raise GiveUpError

    def _is_used(self, role: int, type_id: int) -> bool:
        labels = self._labels
        name = f":{self._parts.baseline.names.roles[role]}:{self._parts.reread.names.types[type_id]}"
        if name.encode() in labels.file_contexts:
            return True
        tables = (labels.genfs, labels.uses, labels.ports, labels.nodes, labels.interfaces)
        contexts = [part for _, part in labels.initial_sids]
        for table in (*tables, labels.infiniband_keys, labels.infiniband_ports):
            contexts += [part for label in table for part in label if isinstance(part, tuple)]
        return any(part is not None and part[1:3] == (role, type_id) for part in contexts)


def _line_key(line: str) -> order.Key:
    """Return what a line of file contexts sorts by."""
    pattern, *kinds, _ = line.split("\t")
    return order.file_key(FileContext(pattern, _KINDS[kinds[0]] if kinds else FileKind.ANY, None))
