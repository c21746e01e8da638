"""Puts labelling statements into the order of the compiled policy, and drops those that say the same thing again.

Source: ``cil_post_*_compare`` and ``__cil_post_process_context_rules`` of libsepol.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from selbox.compiler.origins import Origins
from selbox.diagnostics import Diagnostics
from selbox.model.labelling import (
    FILESYSTEM_USE_NUMBERS,
    FileContext,
    FileKind,
    FilesystemUse,
    GenericFilesystemContext,
    InfinibandKeyContext,
    InfinibandPortContext,
    InterfaceContext,
    NodeContext,
    PortContext,
    XenDeviceContext,
    XenDeviceTreeContext,
    XenInterruptContext,
    XenMemoryContext,
    XenPortContext,
)
from selbox.typing import Final, Protocol, TypeVar

_KINDS: Final = {kind: index for index, kind in enumerate(FileKind)}
_PROTOCOLS: Final = {"udp": 0, "tcp": 1, "dccp": 2, "sctp": 3}
_META: Final = re.compile(r"[.^$?*+|[({]")
_QUOTED: Final = re.compile(r"\\.?", re.DOTALL)

Key = tuple[object, ...]


class _Labelled(Protocol):
    @property
    def origin(self) -> int: ...

    def __iter__(self) -> Iterator[object]: ...


_Label = TypeVar("_Label", bound=_Labelled)


def in_order(
    labels: Iterable[_Label], key: Callable[[_Label], Key], origins: Origins, diagnostics: Diagnostics
) -> tuple[_Label, ...]:
    """Return labels sorted, the first of those that are for the same thing.

    Args:
        labels: in the order of the statements.
        key: what a label is for, in a form that sorts.
        origins: places of the statements.
        diagnostics: is warned of what is dropped: older compilers take it, newer ones refuse it.
    """
    kept: dict[Key, _Label] = {}
    for label in labels:
        what = key(label)
        first = kept.setdefault(what, label)
        if first is not label:
            _warn(first, label, origins, diagnostics)
    return tuple(kept[what] for what in sorted(kept))


def _warn(first: _Labelled, label: _Labelled, origins: Origins, diagnostics: Diagnostics) -> None:
    same = tuple(first)[:-1] == tuple(label)[:-1]  # the origin comes last
    if first.origin == label.origin and same:
        return  # one statement, brought in more than once
    diagnostics.warning(
        "cil-duplicate-label",
        "this label is given already" if same else "this is labelled already, and otherwise; the first label stands",
        origins.span(label.origin),
        "remove one of them: newer versions of secilc refuse it",
        (("the first one", origins.span(first.origin)),),
    )


def file_key(label: FileContext) -> Key:
    """Plain paths come last; before them patterns, those with the shorter fixed beginning first."""
    has_meta, stem, length = pattern_shape(label.pattern)
    return (not has_meta, stem, length, _KINDS[label.kind], _bytes(label.pattern))


def pattern_shape(pattern: str) -> tuple[bool, int, int]:
    """Return whether a file context is a pattern, how many characters it begins with that are none, and its length.

    Source: ``cil_post_fc_fill_data`` of libsepol; a backslash and what it quotes count as one.
    """
    plain = _QUOTED.sub("-", pattern)
    found = _META.search(plain)
    return found is not None, len(plain) if found is None else found.start(), len(plain)


def generic_key(label: GenericFilesystemContext) -> Key:
    """By file system and path."""
    return (_bytes(label.filesystem), _bytes(label.path))


def use_key(label: FilesystemUse) -> Key:
    """By behaviour and file system."""
    return (FILESYSTEM_USE_NUMBERS[label.behaviour], _bytes(label.filesystem))


def port_key(label: PortContext) -> Key:
    """Narrow ranges first, then by number and protocol."""
    return (_span(label.low, label.high), label.low, _PROTOCOLS[label.protocol])


def node_key(label: NodeContext) -> Key:
    """IPv4 first; then the most specific mask, then by address."""
    return (len(label.address), bytes(0xFF ^ each for each in label.mask), label.address)


def interface_key(label: InterfaceContext) -> Key:
    """Plain names first; then patterns, those with the longer fixed beginning first."""
    name = label.name
    stem = next((index for index, character in enumerate(name) if character in "*?"), len(name))
    if stem == len(name):
        return (False, 0, 0, _bytes(name))
    return (True, -stem, -ord(name[stem]), _bytes(name))


def infiniband_key_key(label: InfinibandKeyContext, subnet: str) -> Key:
    """By the subnet's text; then narrow ranges first."""
    return (_bytes(subnet), _span(label.low, label.high), label.low)


def infiniband_port_key(label: InfinibandPortContext) -> Key:
    """By device and port."""
    return (_bytes(label.device), label.port)


def xen_interrupt_key(label: XenInterruptContext) -> Key:
    """By number."""
    return (label.interrupt,)


def xen_range_key(label: XenPortContext | XenMemoryContext) -> Key:
    """Narrow ranges first, then by number."""
    return (_span(label.low, label.high, 64), label.low)


def xen_device_key(label: XenDeviceContext) -> Key:
    """By number."""
    return (label.device,)


def xen_device_tree_key(label: XenDeviceTreeContext) -> Key:
    """By path."""
    return (_bytes(label.path),)


def _bytes(text: str) -> bytes:
    """Return a text as it stood in its file; bytes that are no UTF-8 are surrogates in it."""
    return text.encode(errors="surrogateescape")


def _span(low: int, high: int, bits: int = 32) -> int:
    """Return how far a range reaches; one that runs backwards comes behind all others."""
    return (high - low) & ((1 << bits) - 1)
