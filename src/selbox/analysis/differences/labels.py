"""Differences of labels: what policies say of things that have no label of their own.

Source: ``setools/diff``: ``initsid.py``, ``ibendportcon.py``, ``ibpkeycon.py``, ``fsuse.py``, ``genfscon.py``,
``netifcon.py``, ``nodecon.py``, ``portcon.py``.
"""

from collections.abc import Callable

from selbox.analysis import componenttext as text
from selbox.analysis.differences.section import Change, Part, Section
from selbox.analysis.differences.side import Side
from selbox.model.policy import Policy
from selbox.typing import Final, NamedTuple


class _Kind(NamedTuple):
    """A kind of labels.

    Attributes:
        title: heading.
        labelled: gives for each thing, by the words that begin its statement, its label.
        end: what ends a statement.
        changed_end: what ends the line of a change.
    """

    title: str
    labelled: Callable[[Policy], dict[str, str]]
    end: str = ""
    changed_end: str = ";"


def label_section(kind: str, left: Side, right: Side) -> Section:
    """Return the differences of a kind of labels, one of :data:`LABEL_KINDS`."""
    described = _KINDS[kind]
    before, after = (described.labelled(each.policy) for each in (left, right))
    return Section(
        kind,
        described.title,
        described.title,
        sorted(f"{name} {after[name]}{described.end}" for name in after.keys() - before.keys()),
        sorted(f"{name} {before[name]}{described.end}" for name in before.keys() - after.keys()),
        [
            _change(kind, name, before[name], after[name], described.changed_end)
            for name in sorted(before.keys() & after.keys())
            if before[name] != after[name]
        ],
    )


def _change(kind: str, name: str, before: str, after: str, end: str) -> Change:
    # SETools leaves the keyword of an initial SID out here.
    shown = name.removeprefix("sid ") if kind == "initialsid" else name
    return Change(name, f"{shown} +[{after}] -[{before}]{end}", (Part("context", (after,), (before,)),), in_line=True)


def interface_section(left: Side, right: Side) -> Section:
    """Return the differences of the labels of network interfaces, which are two each."""
    before, after = (
        {
            each.name: (text.context_text(policy, each.interface), text.context_text(policy, each.packet))
            for each in policy.interface_contexts
        }
        for policy, _ in (left, right)
    )
    changes = []
    for name in sorted(before.keys() & after.keys()):
        parts = tuple(
            Part(heading, (new,), (old,), indent=3)
            for heading, old, new in zip(("Context", "Packet Context"), before[name], after[name], strict=True)
            if old != new
        )
        if parts:
            words = ", ".join(f"Modified {each.name}" for each in parts)
            changes.append(Change(f"netifcon {name}", f"{name} ({words})", parts))
    return Section(
        "netifcon",
        "Netifcons",
        "Netifcons",
        sorted(f"netifcon {name} {' '.join(after[name])}" for name in after.keys() - before.keys()),
        sorted(f"netifcon {name} {' '.join(before[name])}" for name in before.keys() - after.keys()),
        changes,
    )


def _initial_sids(policy: Policy) -> dict[str, str]:
    return {
        f"sid {each.name}": text.context_text(policy, each.context)
        for each in policy.initial_sids
        if each.context is not None
    }


def _infiniband_ports(policy: Policy) -> dict[str, str]:
    return {
        f"ibendportcon {each.device} {each.port}": text.context_text(policy, each.context)
        for each in policy.infiniband_ports
    }


def _infiniband_keys(policy: Policy) -> dict[str, str]:
    return {
        f"ibpkeycon {text.prefix_text(each.subnet_prefix)} {text.numbers_text(each.low, each.high, '#x')}": (
            text.context_text(policy, each.context)
        )
        for each in policy.infiniband_keys
    }


def _filesystem_uses(policy: Policy) -> dict[str, str]:
    return {
        f"{text.filesystem_use_keyword(each.behaviour)} {each.filesystem}": text.context_text(policy, each.context)
        for each in policy.filesystem_uses
    }


def _genfscons(policy: Policy) -> dict[str, str]:
    return {
        text.genfscon_start(each.filesystem, each.path, each.kind): text.context_text(policy, each.context)
        for each in policy.genfs_contexts
    }


def _nodes(policy: Policy) -> dict[str, str]:
    return {
        f"nodecon {text.network_text(each.address, each.mask)}": text.context_text(policy, each.context)
        for each in policy.node_contexts
    }


def _ports(policy: Policy) -> dict[str, str]:
    return {
        f"portcon {each.protocol} {text.numbers_text(each.low, each.high)}": text.context_text(policy, each.context)
        for each in policy.port_contexts
    }


_KINDS: Final = {
    "initialsid": _Kind("Initial SIDs", _initial_sids),
    "ibendportcon": _Kind("Ibendportcons", _infiniband_ports, changed_end=""),
    "ibpkeycon": _Kind("Ibpkeycons", _infiniband_keys, changed_end=""),
    "fs_use": _Kind("Fs_use", _filesystem_uses, end=";"),
    "genfscon": _Kind("Genfscons", _genfscons),
    "nodecon": _Kind("Nodecons", _nodes),
    "portcon": _Kind("Portcons", _ports),
}

LABEL_KINDS: Final = tuple(_KINDS)
"""The kinds whose things have one label each."""
