"""Switches off optional blocks in which a name means nothing, until those that are left all make sense.

Source: ``cil_resolve_ast`` of libsepol: an optional block goes whole, with its declarations and the blocks inside;
what then fails elsewhere goes too.
"""

from selbox.compiler.namespace import NAME_TABLES
from selbox.compiler.program import ACCESS, Program
from selbox.compiler.resolution import Known, Resolution
from selbox.compiler.watching import WatchedProgram, take_back
from selbox.diagnostics import Diagnostics
from selbox.language.cil.statements import USAGE
from selbox.typing import Final

_TELLING: Final = frozenset(USAGE) - {
    *("allow", "auditallow", "dontaudit", "neverallow", ACCESS),
    *("typetransition", "typechange", "typemember", "rangetransition", "roleallow", "roletransition", "userrole"),
    *("typeattributeset", "roletype", "roleattributeset", "typepermissive", "filecon", "genfscon", "portcon"),
}
"""Statements that may say what the names in others mean; the rest only use names."""


_PLAIN_ROUNDS: Final = 2
"""Rounds after which the statements are watched: most policies need no more, and watching costs something."""


def settle_optionals(program: Program, known: Known | None = None) -> int:
    """Switch off what must be, and take its declarations back.

    Args:
        program: the expanded policy.
        known: what its resolutions know beforehand.

    Returns:
        How many times the optional blocks were looked at.
    """
    rounds = 0
    if not program.optionals:
        return rounds
    diagnostics = program.diagnostics
    remove_dead(program)
    try:
        while True:
            before = sum(optional.live for optional in program.optionals)
            program.diagnostics = Diagnostics(limit=1 << 30)
            watched = program if rounds < _PLAIN_ROUNDS else WatchedProgram(program)
            Resolution(watched, only_optional=True, known=known)
            rounds += 1
            if sum(optional.live for optional in program.optionals) == before or not remove_dead(program):
                return rounds
    finally:
        program.diagnostics = diagnostics


def remove_dead(program: Program) -> bool:
    """Take back the declarations of optional blocks that are off.

    Returns:
        Whether that may change what names mean, or whether they mean anything.
    """
    changed = any(
        place.optional is not None and not place.optional.live
        for keyword in _TELLING
        for place, _ in program.statements.get(keyword, ())
    )
    for flavour, symbols in program.symbols.items():
        kept = []
        for symbol in symbols:
            if symbol.place.optional is None or symbol.place.optional.live:
                kept.append(symbol)
            else:
                take_back(symbol)
        if len(kept) < len(symbols):
            changed = changed or flavour != "optional"
            symbols[:] = kept
    for symbol in program.repeated:
        names = symbol.place.scope.declaring.tables[NAME_TABLES[symbol.flavour]]
        if symbol.local_name not in names and (symbol.place.optional is None or symbol.place.optional.live):
            names[symbol.local_name] = symbol
            program.symbols[symbol.flavour].append(symbol)
            changed = True
    return changed
