"""Writes a policy module, as ``checkmodule`` does: versions 4 to 24, base modules and others."""

from selbox.binary.ebitmap import ebitmap_bytes
from selbox.binary.formats import MODULE_MAGIC
from selbox.binary.kernel.output import sized, u32s
from selbox.binary.module import BASE, IDENTIFIER, MLS, MODULE, NEWEST_VERSION, OLDEST_VERSION, Module
from selbox.binary.modulesections import versions
from selbox.binary.modulesections.labelling import object_context_kinds
from selbox.binary.modulesections.values import KINDS
from selbox.binary.modulewriting.declarations import blocks_bytes, scopes_bytes
from selbox.binary.modulewriting.labelling import filesystem_contexts_bytes, object_contexts_bytes
from selbox.binary.modulewriting.parts import ModuleForm
from selbox.binary.modulewriting.rules import old_range_transitions_bytes
from selbox.binary.modulewriting.symbols import symbol_tables_bytes
from selbox.diagnostics import Diagnostics, SelboxError
from selbox.typing import Final

USUAL_VERSION: Final = 21
"""The version that ``checkmodule`` of SELinux 3.4 writes; later ones take it too."""


def write_module(module: Module, version: int | None = None, diagnostics: Diagnostics | None = None) -> bytes:
    """Return a module as a file holds it.

    A module that was read gives the same bytes again, if it was written by libsepol.

    Args:
        module: what to write.
        version: the version of the format; None for that of the module.
        diagnostics: takes warnings about what the version cannot say and what does not decide access.

    Raises:
        SelboxError: ``binary-unknown-version``, or ``binary-unwritable`` for what the version cannot say and must.

    Source: ``policydb_write`` of libsepol's ``write.c``.
    """
    version = module.format_version if version is None else version
    if not OLDEST_VERSION <= version <= NEWEST_VERSION:
        raise SelboxError.of(
            "binary-unknown-version",
            f"module version {version} cannot be written, only {OLDEST_VERSION} to {NEWEST_VERSION}",
        )
    form = ModuleForm(version, module.is_base, module.type_sets, module.permission_lists, diagnostics or Diagnostics())
    pieces = [
        _header(module, version, form),
        symbol_tables_bytes(module.tables, form),
        blocks_bytes(module.blocks, module.tables, form),
        scopes_bytes(module.scopes),
        object_contexts_bytes(module.object_contexts, form),
        filesystem_contexts_bytes(module.filesystem_contexts, form),
    ]
    if module.is_base and versions.MLS <= version < versions.RANGE_TRANSITION_RULES:
        transitions = [each for block in module.blocks for one in block for each in one.range_transitions]
        pieces.append(old_range_transitions_bytes(transitions, module.type_sets, module.tables, form))
    return b"".join(pieces)


def _header(module: Module, version: int, form: ModuleForm) -> bytes:
    kind = BASE if module.is_base else MODULE
    config = module.handle_unknown | (MLS if module.mls else 0)
    context_kinds = object_context_kinds(version, module.is_base)
    pieces = [u32s(MODULE_MAGIC, len(IDENTIFIER)), IDENTIFIER, u32s(kind, version, config, len(KINDS), context_kinds)]
    if not module.is_base:
        pieces += (sized(module.name), sized(module.version))
    if version >= versions.POLICY_CAPABILITIES:
        pieces.append(ebitmap_bytes(module.policy_capabilities))
    elif module.policy_capabilities:
        form.need(versions.POLICY_CAPABILITIES, "policy capabilities")
    return b"".join(pieces)
