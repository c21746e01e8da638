"""Policies in sources that are searched: compiled, or from what an earlier search of the same sources has kept."""

import marshal
from collections.abc import Sequence
from contextlib import suppress
from struct import Struct
from zlib import crc32

from selbox.analysis.catalogue import Assertion, Catalogue
from selbox.diagnostics import Diagnostic, Diagnostics, SourceFile, Span
from selbox.store.catalogues import KeptCatalogues
from selbox.store.inputs import Input
from selbox.store.plainwarnings import Place, plain_warnings, whole_warnings
from selbox.store.policyfiles import base_sources, check_filled, policy_sources, resolve_sources
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from selbox.model.policy import Policy

_END: Final = Struct("<QI")
"""What an entry ends with: the length and the checksum of the warnings, which stand before it."""


class Compiled(NamedTuple):
    """A policy made of sources.

    Attributes:
        policy: the policy.
        assertions: of the sources.
        warnings: about them.
        texts: the sources, as they were compiled, without those of the base policy.
    """

    policy: "Policy"
    assertions: tuple[Assertion, ...]
    warnings: tuple[Diagnostic, ...]
    texts: Sequence[SourceFile]


def compiled(given: Sequence[Input], *, base: bool) -> Compiled:
    """Compile sources.

    Raises:
        SelboxError: with everything that is wrong with them.
    """
    from selbox.analysis.asserted import assertions
    from selbox.cli.progress import Progress
    from selbox.compiler.options import CompileOptions

    check_filled(given)  # else the base policy would be searched, in the place of a policy that was never written
    diagnostics = Diagnostics()
    # Policies that break their own assertions can be searched, too: that is how one sees why.
    options = CompileOptions(disable_neverallow=True)
    with Progress() as progress:
        texts = policy_sources(given, diagnostics, progress)
        _, policy, resolution = resolve_sources(texts, options, base=base, diagnostics=diagnostics, progress=progress)
    return Compiled(policy, assertions(resolution, policy), tuple(diagnostics.warnings), texts)


def compiled_catalogue(given: Sequence[Input], *, base: bool) -> tuple[Catalogue, tuple[Diagnostic, ...]]:
    """Return what searches need of sources, and the warnings about them.

    Raises:
        SelboxError: with everything that is wrong with them.
    """
    kept, content = KeptCatalogues.of_user(), _content(given, base=base)
    known = None if kept is None else kept.get(content, compiled=True)
    if known is not None:
        with suppress(ValueError):  # what is broken is made anew
            return _read(known, given)
    made = compiled(given, base=base)
    catalogue = Catalogue.of(made.policy, 0, made.assertions)
    warned = plain_warnings(made.warnings, made.texts)
    if kept is not None and warned is not None:
        warnings = marshal.dumps(warned)
        end = _END.pack(len(warnings), crc32(warnings))
        kept.put(content, b"".join((catalogue.kept(), warnings, end)), compiled=True)
    return catalogue, made.warnings


def _read(known: memoryview, given: Sequence[Input]) -> tuple[Catalogue, tuple[Diagnostic, ...]]:
    """Return what was kept.

    Raises:
        ValueError: when it is broken.
    """
    end = len(known) - _END.size
    size, checksum = _END.unpack(known[end:]) if end > 0 else (0, -1)
    start = max(end - size, 0)
    if crc32(known[start:end]) != checksum:
        raise ValueError("kept warnings are broken")
    catalogue = Catalogue.read(known[:start])
    warned = marshal.loads(known[start:end])  # noqa: S302 - the user's own, and checked
    if not warned:
        return catalogue, ()
    texts = policy_sources(given, Diagnostics())

    def span(place: Place | None) -> Span | None:
        return None if place is None else Span(texts[place[0]], *place[1:])

    return catalogue, tuple(whole_warnings(warned, span))


def _content(given: Sequence[Input], *, base: bool) -> bytes:
    """Return all that a policy is compiled from, in one."""
    sources = [(each.name, each.content) for each in given]
    if base:
        sources += [(each.name, each.text.encode()) for each in base_sources()]
    head = repr((base, [(name, len(content)) for name, content in sources])).encode("utf-8", "surrogateescape")
    return b"".join((head, *(content for _, content in sources)))
