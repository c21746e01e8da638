"""Queries over what a policy declares and labels: types, roles, constraints, ports and so on.

::

    from selbox.analysis import ComponentQuery

    for each in ComponentQuery("portcon", PortCriterion(80, 80)).results(policy):
        print(each.statement)

A component's name, and what a query may ask of it, is that of the option of ``seinfo``.
"""

from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_network

from selbox.analysis import componenttext as text
from selbox.analysis.constrainttext import constraint_text
from selbox.analysis.table import Table
from selbox.binary.kernel.output import is_hole
from selbox.diagnostics import SelboxError, did_you_mean
from selbox.model.bitset import members
from selbox.model.capabilities import POLICY_CAPABILITIES
from selbox.model.constraint import Constraint, ValidateTransition
from selbox.model.objectclass import DefaultFrom, DefaultRange
from selbox.model.policy import Policy
from selbox.server.validity import OBJECT_ROLE
from selbox.typing import Final, NamedTuple


class Component(NamedTuple):
    """One thing that a policy declares or labels.

    Attributes:
        name: what queries know it by.
        text: how it is listed.
        statement: the statement that declares it.
        order: what it is sorted by.
        aliases: further names.
        low, high: of numbers that it is for, both ends included.
        place: where it was written, as ``FILE:LINE:COLUMN``, where that is known.
    """

    name: str
    text: str
    statement: str
    order: str | int
    aliases: tuple[str, ...] = ()
    low: int = 0
    high: int = 0
    place: str = ""


class NumbersCriterion(NamedTuple):
    """A range of numbers, both ends included."""

    low: int
    high: int


class Kind(NamedTuple):
    """A kind of component.

    Attributes:
        title: what the list of them is called.
        listed: yields all of a policy.
        by: what a query may ask for: a name, a class, the numbers within which the query's lie, the same numbers, a
            network, or a type that goes with a role.
    """

    title: str
    listed: Callable[[Policy], Iterator[Component]]
    by: str = "name"


class ComponentQuery(NamedTuple):
    """A search for components of one kind.

    Attributes:
        kind: a key of :data:`KINDS`, :data:`KINDS_BY_REQUEST` or :data:`XEN_KINDS`.
        wanted: a name, a class's name, numbers or a network, as the kind goes by; None for all.
    """

    kind: str
    wanted: str | NumbersCriterion | None = None

    def results(self, policy: Policy) -> Iterator[Component]:
        """Yield the components that match, sorted.

        Raises:
            SelboxError: ``unknown-class``, for a class that the policy does not have; ``invalid-network``.
        """
        kind = {**KINDS, **KINDS_BY_REQUEST, **XEN_KINDS}[self.kind]
        matches = self._match(policy, kind.by)
        yield from sorted(filter(matches, kind.listed(policy)), key=lambda each: each.order)

    def table(self, policy: Policy) -> Table:
        """Return what matches as a table.

        Raises:
            SelboxError: likewise.
        """
        return components_table(list(self.results(policy)))

    def _match(self, policy: Policy, by: str) -> Callable[[Component], bool]:
        wanted = self.wanted
        if wanted is None:
            return lambda _: True
        if isinstance(wanted, NumbersCriterion):
            if by == "same numbers":
                return lambda each: (each.low, each.high) == wanted
            return lambda each: each.low <= wanted.low and wanted.high <= each.high
        if by == "class" and wanted not in policy.class_ids:
            advice = did_you_mean(wanted, policy.class_ids)
            raise SelboxError.of("unknown-class", f"the policy has no class `{wanted}`", help=advice)
        if by == "network":
            name = _network(wanted)
            return lambda each: each.name == name
        if by == "type":
            found = policy.type_ids.get(wanted)
            name = wanted if found is None else policy.types[found].name
            return lambda each: name in each.aliases
        return lambda each: wanted == each.name or wanted in each.aliases


def components_table(components: list[Component]) -> Table:
    """Return components as a table."""
    return Table(("name", "statement", "place"), [(each.name, each.statement, each.place) for each in components])


def _network(words: str) -> str:
    """Return the address and mask of a network as text.

    Raises:
        SelboxError: ``invalid-network``.
    """
    try:
        network = ip_network(words)
    except ValueError as error:
        raise SelboxError.of(
            "invalid-network", str(error), help="write an address, or a network such as 10.0.0.0/8"
        ) from None
    return text.network_text(network.network_address.packed, network.netmask.packed)


def _place(policy: Policy, origin: int) -> str:
    found = policy.origin(origin)
    return found.place if found is not None else ""


def _named(name: str, statement: str, aliases: tuple[str, ...] = ()) -> Component:
    """Return a component that is listed by its name."""
    return Component(name, name, statement, name, aliases)


def _stated(policy: Policy, name: str, statement: str, origin: int = 0, numbers: tuple[int, int] = (0, 0)) -> Component:
    """Return a component that is listed by its statement."""
    return Component(name, statement, statement, statement, (), *numbers, _place(policy, origin))


def _booleans(policy: Policy) -> Iterator[Component]:
    for each in policy.booleans:
        yield _named(each.name, f"bool {each.name} {str(each.default).lower()};")


def _categories(policy: Policy) -> Iterator[Component]:
    for index, each in enumerate(policy.categories if policy.mls else ()):
        statement = text.symbol_statement("category", each.name, each.aliases)
        yield Component(each.name, each.name, statement, index, each.aliases)


def _sensitivities(policy: Policy) -> Iterator[Component]:
    for index, each in enumerate(policy.sensitivities if policy.mls else ()):
        statement = text.symbol_statement("sensitivity", each.name, each.aliases)
        yield Component(each.name, each.name, statement, index, each.aliases)


def _classes(policy: Policy) -> Iterator[Component]:
    for index, each in enumerate(policy.classes):
        yield _named(each.name, text.class_statement(policy, index))


def _commons(policy: Policy) -> Iterator[Component]:
    for each in policy.commons:
        yield _named(each.name, text.common_statement(each.name, each.permissions))


def _constraints(policy: Policy) -> Iterator[Component]:
    for each in policy.constraints:
        yield _constraint(policy, each)


def _validations(policy: Policy) -> Iterator[Component]:
    for each in policy.validate_transitions:
        yield _constraint(policy, each)


def _constraint(policy: Policy, each: Constraint | ValidateTransition) -> Component:
    return _stated(policy, policy.classes[each.object_class].name, constraint_text(policy, each), each.origin)


def _defaults(policy: Policy) -> Iterator[Component]:
    for each in policy.classes:
        for word, value in (("user", each.default_user), ("role", each.default_role), ("type", each.default_type)):
            if value is not DefaultFrom.UNSPECIFIED:
                yield _stated(policy, each.name, f"default_{word} {each.name} {value.value};")
        if each.default_range is not DefaultRange.UNSPECIFIED:
            value_text = each.default_range.value.replace("-", "_")
            yield _stated(policy, each.name, f"default_range {each.name} {value_text};")


def _filesystem_uses(policy: Policy) -> Iterator[Component]:
    for each in policy.filesystem_uses:
        keyword = text.filesystem_use_keyword(each.behaviour)
        statement = f"{keyword} {each.filesystem} {text.context_text(policy, each.context)};"
        yield _stated(policy, each.filesystem, statement, each.origin)


def _genfscons(policy: Policy) -> Iterator[Component]:
    for each in policy.genfs_contexts:
        statement = text.genfscon_text(policy, each.filesystem, each.path, each.kind, each.context)
        yield _stated(policy, each.filesystem, statement, each.origin)


def _infiniband_ports(policy: Policy) -> Iterator[Component]:
    for each in policy.infiniband_ports:
        statement = f"ibendportcon {each.device} {each.port} {text.context_text(policy, each.context)}"
        yield _stated(policy, each.device, statement, each.origin)


def _infiniband_keys(policy: Policy) -> Iterator[Component]:
    for each in policy.infiniband_keys:
        numbers = text.numbers_text(each.low, each.high, "#x")
        prefix = text.prefix_text(each.subnet_prefix)
        statement = f"ibpkeycon {prefix} {numbers} {text.context_text(policy, each.context)}"
        yield _stated(policy, prefix, statement, each.origin, (each.low, each.high))


def _initial_sids(policy: Policy) -> Iterator[Component]:
    for each in policy.initial_sids:
        if each.context is not None:
            yield _named(each.name, f"sid {each.name} {text.context_text(policy, each.context)}")


def _interfaces(policy: Policy) -> Iterator[Component]:
    for each in policy.interface_contexts:
        contexts = f"{text.context_text(policy, each.interface)} {text.context_text(policy, each.packet)}"
        yield _stated(policy, each.name, f"netifcon {each.name} {contexts}", each.origin)


def _nodes(policy: Policy) -> Iterator[Component]:
    for each in policy.node_contexts:
        network = text.network_text(each.address, each.mask)
        yield _stated(policy, network, f"nodecon {network} {text.context_text(policy, each.context)}", each.origin)


def _ports(policy: Policy) -> Iterator[Component]:
    for each in policy.port_contexts:
        numbers = text.numbers_text(each.low, each.high)
        statement = f"portcon {each.protocol} {numbers} {text.context_text(policy, each.context)}"
        yield _stated(policy, each.protocol, statement, each.origin, (each.low, each.high))


def _types(policy: Policy) -> Iterator[Component]:
    attributes = text.attributes_of_types(policy)
    for index, each in enumerate(policy.types):
        if not each.is_attribute:
            yield _named(each.name, text.type_statement(policy, index, attributes.get(index, ())), each.aliases)


def _permissive_types(policy: Policy) -> Iterator[Component]:
    names = {each.name for each in policy.types if each.permissive}
    return (each._replace(aliases=()) for each in _types(policy) if each.name in names) if names else iter(())


def _attributes(policy: Policy) -> Iterator[Component]:
    for index, each in enumerate(policy.types):
        if each.is_attribute:
            yield _named(each.name, text.attribute_statement(policy, index))


def _capabilities(policy: Policy) -> Iterator[Component]:
    unknown = (f"unknown{bit}" for bit in members(policy.unknown_capabilities))
    for name in (*(each for each in POLICY_CAPABILITIES if each in policy.policy_capabilities), *unknown):
        yield _named(name, f"policycap {name};")


def _roles(policy: Policy) -> Iterator[Component]:
    for index, each in enumerate(policy.roles):
        if not is_hole(each.name):
            yield _named(each.name, text.role_statement(policy, index))


def _roles_with_types(policy: Policy) -> Iterator[Component]:
    for index, each in enumerate(policy.roles):
        if index == OBJECT_ROLE or is_hole(each.name):  # goes with every type, and no process has it
            continue
        types = tuple(policy.types[one].name for one in members(each.types))
        yield _named(each.name, text.role_statement(policy, index), types)


def _bounds(policy: Policy) -> Iterator[Component]:
    for each in policy.types:
        if each.bounds is not None:
            yield _stated(policy, each.name, f"typebounds {policy.types[each.bounds].name} {each.name};")


def _users(policy: Policy) -> Iterator[Component]:
    for index, each in enumerate(policy.users):
        yield _named(each.name, text.user_statement(policy, index))


def _xen_ports(policy: Policy) -> Iterator[Component]:
    for each in policy.xen_ports:
        numbers = text.numbers_text(each.low, each.high, "#x")
        yield _stated(policy, "", f"ioportcon {numbers} {text.context_text(policy, each.context)}", each.origin)


def _xen_memory(policy: Policy) -> Iterator[Component]:
    for each in policy.xen_memory:
        numbers = text.numbers_text(each.low, each.high, "#x")
        yield _stated(policy, "", f"iomemcon {numbers} {text.context_text(policy, each.context)}", each.origin)


def _xen_devices(policy: Policy) -> Iterator[Component]:
    for each in policy.xen_devices:
        yield _stated(policy, "", f"pcidevicecon {each.device} {text.context_text(policy, each.context)}", each.origin)


def _xen_interrupts(policy: Policy) -> Iterator[Component]:
    for each in policy.xen_interrupts:
        yield _stated(policy, "", f"pirqcon {each.interrupt} {text.context_text(policy, each.context)}", each.origin)


def _xen_device_tree(policy: Policy) -> Iterator[Component]:
    for each in policy.xen_device_tree:
        yield _stated(policy, "", f"devicetreecon {each.path} {text.context_text(policy, each.context)}", each.origin)


KINDS: Final[Mapping[str, Kind]] = {
    "bool": Kind("Booleans", _booleans),
    "category": Kind("Categories", _categories),
    "class": Kind("Classes", _classes),
    "common": Kind("Commons", _commons),
    "constrain": Kind("Constraints", _constraints, "class"),
    "default": Kind("Default rules", _defaults, "class"),
    "fs_use": Kind("Fs_use", _filesystem_uses),
    "genfscon": Kind("Genfscon", _genfscons),
    "ibendportcon": Kind("Ibendportcon", _infiniband_ports),
    "ibpkeycon": Kind("Ibpkeycon", _infiniband_keys, "same numbers"),
    "initialsid": Kind("Initial SIDs", _initial_sids),
    "netifcon": Kind("Netifcon", _interfaces),
    "nodecon": Kind("Nodecon", _nodes, "network"),
    "permissive": Kind("Permissive Types", _permissive_types),
    "polcap": Kind("Polcap", _capabilities),
    "portcon": Kind("Portcon", _ports, "numbers"),
    "role": Kind("Roles", _roles),
    "sensitivity": Kind("Sensitivities", _sensitivities),
    "typebounds": Kind("Typebounds", _bounds),
    "type": Kind("Types", _types),
    "attribute": Kind("Type Attributes", _attributes),
    "user": Kind("Users", _users),
    "validatetrans": Kind("Validatetrans", _validations, "class"),
}
"""Kinds of components in the order in which they are listed."""

ROLE_TYPES: Final = "role_types"
"""The kind of roles that are asked for by a type that goes with them."""

KINDS_BY_REQUEST: Final[Mapping[str, Kind]] = {ROLE_TYPES: Kind("Roles", _roles_with_types, "type")}
"""Kinds that show what others do, asked for in another way; they are no part of everything."""

XEN_KINDS: Final[Mapping[str, Kind]] = {
    "ioportcon": Kind("Ioportcon", _xen_ports, "nothing"),
    "iomemcon": Kind("Iomemcon", _xen_memory, "nothing"),
    "pcidevicecon": Kind("Pcidevicecon", _xen_devices, "nothing"),
    "pirqcon": Kind("Pirqcon", _xen_interrupts, "nothing"),
    "devicetreecon": Kind("Devicetreecon", _xen_device_tree, "nothing"),
}
"""Those that only policies for Xen have."""
