"""Reads a binary policy: every section in the order of the file, then what they say of one another."""

from selbox.binary.cursor import Cursor
from selbox.binary.kernel.accessvectors import RowReader, read_access_vectors
from selbox.binary.kernel.booleans import read_booleans, read_conditionals
from selbox.binary.kernel.classes import RawClass, read_classes, read_commons
from selbox.binary.kernel.constraints import Resolver
from selbox.binary.kernel.contexts import Symbols
from selbox.binary.kernel.filenametransitions import read_named_transitions
from selbox.binary.kernel.genericfilesystems import read_genfs
from selbox.binary.kernel.header import read_header
from selbox.binary.kernel.identities import check_roles, check_users, read_roles, read_types, read_users
from selbox.binary.kernel.initialsids import read_initial_sids
from selbox.binary.kernel.levels import check_sensitivities, read_categories, read_sensitivities
from selbox.binary.kernel.objectcontexts import read_object_contexts
from selbox.binary.kernel.rangetransitions import read_range_transitions
from selbox.binary.kernel.rolerules import read_role_allows, read_role_transitions
from selbox.binary.kernel.tables import Orders
from selbox.binary.kernel.typeattributes import complete_types, read_type_attributes
from selbox.collector import collector_paused
from selbox.diagnostics import Diagnostics
from selbox.model.binaryform import BinaryForm
from selbox.model.constraint import Constraint, ValidateTransition
from selbox.model.policy import Policy


@collector_paused()
def read_policy(data: bytes, name: str, diagnostics: Diagnostics | None = None) -> Policy:
    """Read a binary policy of versions 24 to 35, for SELinux or Xen.

    Rules are in the order of the file; they are merged there, and so each key has one row.

    Args:
        data: the whole file.
        name: what messages call it.
        diagnostics: takes the warnings.

    Raises:
        SelboxError: ``binary-not-a-policy``, ``binary-unknown-version``, ``binary-truncated`` or ``binary-corrupt``,
            the last two with section and byte offset.

    Source: ``policydb_read`` of libsepol and of the kernel.
    """
    diagnostics = diagnostics or Diagnostics()
    cursor = Cursor(data, name, "header")
    header = read_header(cursor, diagnostics)
    layout = header.layout
    orders: Orders = {}
    commons = read_commons(cursor, orders)
    classes = read_classes(cursor, orders, layout, commons)
    roles = read_roles(cursor, orders)
    raw_types = read_types(cursor, orders)
    users = read_users(cursor, orders, len(roles), mls=header.mls)
    booleans = read_booleans(cursor, orders)
    sensitivities = read_sensitivities(cursor, orders)
    categories = read_categories(cursor, orders)
    check_sensitivities(cursor, sensitivities, len(categories))
    type_count = len(raw_types.names)
    symbols = Symbols(
        users, roles, sensitivities, type_count, len(classes), len(categories), raw_types.attributes, header.mls, {}
    )
    check_users(cursor, symbols)
    rows = RowReader(cursor, layout, raw_types.are_attributes, len(classes))
    read_access_vectors(cursor, rows)
    conditionals = read_conditionals(cursor, len(booleans), rows)
    class_ids = {each.object_class.name: index for index, each in enumerate(classes)}
    role_transitions = read_role_transitions(cursor, layout, len(roles), type_count, class_ids)
    role_allows = read_role_allows(cursor, len(roles))
    named_transitions = read_named_transitions(cursor, layout, type_count, len(classes))
    initial_sids, sid_order = read_initial_sids(cursor, layout.target, symbols)
    object_contexts = read_object_contexts(cursor, layout, symbols)
    genfs_contexts = read_genfs(cursor, symbols, class_ids)
    range_transitions, ranges = read_range_transitions(cursor, symbols)
    held = read_type_attributes(cursor, raw_types)
    if cursor.left:
        diagnostics.warning(
            "binary-trailing-bytes",
            f"{name}: {cursor.left} bytes follow the end of the policy at byte {cursor.offset}; they are ignored",
        )
    if (header.permissive | header.neveraudit) & 1 or max(header.permissive, header.neveraudit) >> type_count + 1:
        cursor.section = "permissive types"
        cursor.corrupt("a type is permissive, or never audited, that is not there", 0)
    types = complete_types(raw_types, held, header.permissive, header.neveraudit)
    constraints, validate_transitions = _constraints(classes, Resolver(cursor, raw_types.names, symbols))
    return Policy(
        classes=tuple(each.object_class for each in classes),
        types=types,
        roles=check_roles(cursor, roles, type_count, raw_types.attributes),
        users=tuple(users),
        booleans=booleans,
        sensitivities=sensitivities,
        categories=categories,
        rules=rows.rules,
        conditionals=conditionals,
        named_transitions=named_transitions,
        range_transitions=range_transitions,
        ranges=ranges,
        role_allows=role_allows,
        role_transitions=role_transitions,
        constraints=constraints,
        validate_transitions=validate_transitions,
        initial_sids=initial_sids,
        genfs_contexts=genfs_contexts,
        policy_capabilities=header.capabilities,
        handle_unknown=header.handle_unknown,
        mls=header.mls,
        commons=commons,
        extended_rules=tuple(rows.extended),
        target=layout.target,
        unknown_capabilities=header.unknown_capabilities,
        unknown_config=header.unknown_config,
        binary_form=BinaryForm(orders, sid_order, roles[0].types if roles else 0, tuple(rows.extended_places)),
        **object_contexts,
    )


def _constraints(
    classes: list[RawClass], resolver: Resolver
) -> tuple[tuple[Constraint, ...], tuple[ValidateTransition, ...]]:
    """Return the constraints of all classes, class after class."""
    constraints: list[Constraint] = []
    transitions: list[ValidateTransition] = []
    for index, each in enumerate(classes):
        constraints += [
            Constraint(index, raw.permissions, resolver.expression(raw), raw.is_mls) for raw in each.constraints
        ]
        transitions += [
            ValidateTransition(index, resolver.expression(raw), raw.is_mls) for raw in each.validate_transitions
        ]
    return tuple(constraints), tuple(transitions)
