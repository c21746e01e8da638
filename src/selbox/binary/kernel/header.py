"""The beginning of the file: magic number, target, version, configuration, capabilities, permissive types."""

from selbox.binary.cursor import Cursor
from selbox.binary.ebitmap import ebitmap_bytes, read_ebitmap
from selbox.binary.formats import POLICY_MAGIC
from selbox.binary.kernel.output import encoded, u32s
from selbox.binary.kernel.versions import NEWEST_VERSION, OLDEST_VERSION, SYMBOL_TABLES, Layout, layout_of
from selbox.diagnostics import Diagnostics, SelboxError
from selbox.model.bitset import bitset, members
from selbox.model.capabilities import POLICY_CAPABILITIES
from selbox.model.policy import HandleUnknown, Policy, Target
from selbox.typing import Final, NamedTuple

TARGET_NAMES: Final = {Target.SELINUX: "SE Linux", Target.XEN: "XenFlask"}

_MLS = 0x1
_REJECT_UNKNOWN = 0x2
_ALLOW_UNKNOWN = 0x4
_KNOWN_CONFIG = _MLS | _REJECT_UNKNOWN | _ALLOW_UNKNOWN
_CAPABILITY_LIMIT = 1024


class Header(NamedTuple):
    """What stands before the symbol tables.

    Attributes:
        layout: what the file is made of.
        mls: whether contexts have ranges.
        handle_unknown: what happens with unknown classes and permissions.
        unknown_config: configuration bits that mean nothing here.
        capabilities: the known capabilities.
        unknown_capabilities: bitset of the others.
        permissive: bitset of type numbers, which are ids plus one.
        neveraudit: likewise.
    """

    layout: Layout
    mls: bool
    handle_unknown: HandleUnknown
    unknown_config: int
    capabilities: frozenset[str]
    unknown_capabilities: int
    permissive: int
    neveraudit: int


def read_header(cursor: Cursor, diagnostics: Diagnostics) -> Header:
    """Read everything before the symbol tables.

    Unknown configuration bits and capabilities are kept and warned about: newer kernels give them a meaning.

    Raises:
        SelboxError: ``binary-not-a-policy``, ``binary-unknown-version``, ``binary-corrupt`` or ``binary-truncated``.
    """
    cursor.section = "header"
    layout, config = _read_version(cursor)
    handle_unknown, unknown_config = _handle_unknown(config)
    if unknown_config & ~_ALLOW_UNKNOWN:
        words = ", ".join(f"{1 << bit:#x}" for bit in members(unknown_config & ~_ALLOW_UNKNOWN))
        diagnostics.warning(
            "binary-unknown-config",
            f"{cursor.name}: the policy's configuration has bits that are not known: {words}",
            help="they are kept, and decide nothing here",
        )
    cursor.section = "policy capabilities"
    bits = read_ebitmap(cursor, _CAPABILITY_LIMIT)
    known = bits & (1 << len(POLICY_CAPABILITIES)) - 1
    if bits != known:
        numbers = ", ".join(map(str, members(bits ^ known)))
        diagnostics.warning(
            "binary-unknown-capability",
            f"{cursor.name}: the policy has capabilities that are not known, number {numbers}",
            help="they are kept, and decide nothing here",
        )
    cursor.section = "permissive types"
    permissive = read_ebitmap(cursor)
    neveraudit = 0
    if layout.neveraudit:
        cursor.section = "neveraudit types"
        neveraudit = read_ebitmap(cursor)
    return Header(
        layout,
        bool(config & _MLS),
        handle_unknown,
        unknown_config,
        frozenset(POLICY_CAPABILITIES[bit] for bit in members(known)),
        bits ^ known,
        permissive,
        neveraudit,
    )


def _read_version(cursor: Cursor) -> tuple[Layout, int]:
    magic, size = cursor.u32s(2)
    if magic != POLICY_MAGIC:
        raise SelboxError.of(
            "binary-not-a-policy",
            f"{cursor.name}: the file begins with {magic:#010x}, and a policy of the kernel with {POLICY_MAGIC:#010x}",
            help="name a compiled policy, such as /etc/selinux/*/policy/policy.33",
        )
    if size > cursor.left:
        cursor.truncated(size)
    name = cursor.bytes(size).decode("ascii", "replace") if size <= 32 else ""
    target = next((target for target, each in TARGET_NAMES.items() if each == name), None)
    if target is None:
        cursor.corrupt(f"the policy is for `{name}`, and the known targets are `SE Linux` and `XenFlask`", 4)
    version, config, symbol_tables, context_tables = cursor.u32s(4)
    if not OLDEST_VERSION <= version <= NEWEST_VERSION:
        raise SelboxError.of(
            "binary-unknown-version",
            f"{cursor.name}: the policy has version {version}, and versions {OLDEST_VERSION} to {NEWEST_VERSION} "
            "are understood",
            help="write it again in one of these versions: `checkpolicy -b -c 33 -o NEW FILE`",
        )
    layout = layout_of(version, target)
    if (symbol_tables, context_tables) != (SYMBOL_TABLES, layout.context_tables):
        cursor.corrupt(
            f"a policy of version {version} for {name} has {SYMBOL_TABLES} tables of symbols and "
            f"{layout.context_tables} of contexts, not {symbol_tables} and {context_tables}",
            cursor.offset - 8,
        )
    return layout, config


def _handle_unknown(config: int) -> tuple[HandleUnknown, int]:
    """Return the meaning of the configuration, and the bits that it leaves."""
    unknown = config & ~_KNOWN_CONFIG
    if config & _REJECT_UNKNOWN:
        # The kernel looks at this bit first; the other one is kept, so that nothing is lost.
        return HandleUnknown.REJECT, unknown | config & _ALLOW_UNKNOWN
    return HandleUnknown.ALLOW if config & _ALLOW_UNKNOWN else HandleUnknown.DENY, unknown


def header_bytes(policy: Policy, layout: Layout, diagnostics: Diagnostics) -> bytes:
    """Return everything before the symbol tables.

    Neveraudit types in a version that cannot say them give the warning ``binary-dropped``.
    """
    config = policy.unknown_config
    config |= {HandleUnknown.DENY: 0, HandleUnknown.REJECT: _REJECT_UNKNOWN, HandleUnknown.ALLOW: _ALLOW_UNKNOWN}[
        policy.handle_unknown
    ]
    config |= _MLS if policy.mls else 0
    name = encoded(TARGET_NAMES[layout.target])
    capabilities = policy.unknown_capabilities | bitset(
        bit for bit, each in enumerate(POLICY_CAPABILITIES) if each in policy.policy_capabilities
    )
    parts = [
        u32s(POLICY_MAGIC, len(name)),
        name,
        u32s(layout.version, config, SYMBOL_TABLES, layout.context_tables),
        ebitmap_bytes(capabilities),
        ebitmap_bytes(bitset(index + 1 for index, each in enumerate(policy.types) if each.permissive)),
    ]
    neveraudit = bitset(index + 1 for index, each in enumerate(policy.types) if each.neveraudit)
    if layout.neveraudit:
        parts.append(ebitmap_bytes(neveraudit))
    elif neveraudit:
        diagnostics.warning(
            "binary-dropped", f"policy version {layout.version} cannot hold `typeneveraudit`; some types have it"
        )
    return b"".join(parts)
