"""Labels of a policy that is put together again."""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

from selbox.compiler import labelorder as order
from selbox.compiler.baseline import PlainContext
from selbox.compiler.relinkedidentities import RelinkedIdentities
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
        identities: final ids of roles and users.
    """

    def __init__(self, parts: Parts, types: Types, ids: Sequence[int], identities: RelinkedIdentities) -> None:
        self._parts = parts
        self._types = types
        self._ids = ids
        self._identities = identities
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
        return self._final(Context(user, role, type_id, LevelRange(Level(*low), Level(*high))))

    def _final(self, context: Context) -> Context:
        user, role = self._identities.users[context.user], self._identities.roles[context.role]
        if min(user, role, self._ids[context.type]) < 0:
            raise GiveUpError
        return Context(user, role, self._ids[context.type], context.range)

    def _new_context(self, context: Context) -> Context:
        found = self._final(context)
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
        names, now = self._parts.baseline.names, self._parts.reread.names
        lowest = LevelRange(LOWEST, LOWEST)
        return Policy(
            classes=(),
            types=tuple(Type(name, is_attribute=False, types=0) for name in now.types),
            roles=tuple(Role(name, 0) for name in now.role_names),
            users=tuple(User(name, 0, LOWEST, lowest) for name in now.user_names),
            booleans=(),
            sensitivities=tuple(Sensitivity(name, usable) for name, usable in names.sensitivities),
            categories=tuple(map(Category, names.categories)),
            rules=Rules(),
            mls=self._mls,
        )

    def check_contexts(self) -> None:
        """Give up where something may be labelled with a context that is not valid any longer, or is warned of."""
        groups, names = self._parts.baseline.groups, self._parts.baseline.names
        identities = self._parts.reread.resolution.identities
        declared = 0
        for each in self._types.order:
            declared |= 1 << each
        role_ids = [role for role, new in enumerate(self._identities.roles) if new >= 0 and role < len(names.roles)]
        for role in role_ids:
            earlier, now = groups.role_types.get(role, 0), identities.role_types.get(role, 0)
            if groups.is_loose and role == 0 and now != earlier:
                raise GiveUpError
            for each in members(earlier & ~now & declared):
                self._check_unused(role=role, type_id=each)
        ranges = {name: LevelRange(Level(*low), Level(*high)) for name, (low, high), _ in groups.user_ranges}
        for user, (name, _) in enumerate(names.users):
            if self._identities.users[user] < 0:
                continue
            earlier, now = groups.user_roles.get(user, 0), identities.user_roles.get(user, 0)
            if groups.is_loose and (earlier ^ now) & 1:
                raise GiveUpError
            for role in members(earlier & ~now):
                self._check_unused(user=user, role=role)
            if ranges.get(name) != identities.user_ranges.get(user):
                self._check_unused(user=user)

    def _check_unused(self, user: int | None = None, role: int | None = None, type_id: int | None = None) -> None:
        """Give up where something that was labelled has a context of these."""
        names = self._parts.baseline.names
        wanted = (user, role, type_id)
        parts = (
            "" if user is None else names.users[user][0],
            "" if role is None else names.roles[role][0],
            "" if type_id is None else self._parts.reread.names.types[type_id],
        )
        # Where one is left out in front, a colon stands there; more than is meant may be found so, and never less.
        if (":".join(parts).rstrip(":")).encode() in self._labels.file_contexts:
            raise GiveUpError
        labels = self._labels
        tables = (labels.genfs, labels.uses, labels.ports, labels.nodes, labels.interfaces)
        contexts = [part for _, part in labels.initial_sids]
        for table in (*tables, labels.infiniband_keys, labels.infiniband_ports):
            contexts += [part for label in table for part in label if isinstance(part, tuple)]
        for part in contexts:
            if part is not None and all(each in (None, own) for each, own in zip(wanted, part[:3], strict=True)):
                raise GiveUpError


def _line_key(line: str) -> order.Key:
    """Return what a line of file contexts sorts by."""
    pattern, *kinds, _ = line.split("\t")
    return order.file_key(FileContext(pattern, _KINDS[kinds[0]] if kinds else FileKind.ANY, None))
