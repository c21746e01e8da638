"""What names and paths can be in the policy language.

Source: the tokens of checkpolicy's ``policy_scan.l``.
"""

import re
from collections.abc import Set

from selbox.compiler.text.cilnames import are_words
from selbox.typing import Final

_NAME: Final = r"(?a:[A-Za-z][\w.-]*)"

_FILESYSTEM: Final = r"[0-9][A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*"

_WORDS: Final = """
alias allow allowxperm and attribute attribute_role auditallow auditallowxperm auditdeny bool category class clone
common constrain default_range default_role default_type default_user devicetreecon dom domby dominance dontaudit
dontauditxperm else eq expandattribute false fs_use_task fs_use_trans fs_use_xattr fscon genfscon glblub h1 h2 high
ibendportcon ibpkeycon if incomp inherits iomemcon ioportcon l1 l2 level low low-high mlsconstrain mlsvalidatetrans
module netifcon neverallow neverallowxperm nodecon not optional or pcidevicecon permissive pirqcon policycap portcon
r1 r2 r3 range range_transition require role role_transition roleattribute roles sameuser sensitivity sid source t1 t2
t3 target true tunable type type_change type_member type_transition typealias typeattribute typebounds types u1 u2 u3
user validatetrans xor
"""

_KEYWORDS: Final = frozenset(_WORDS.split())

_TAKEN: Final = frozenset({*_KEYWORDS, *map(str.upper, _KEYWORDS), "self"})
"""Words with a meaning of their own, written all small or all large; ``self``, which means a rule's source."""


def is_name(name: str) -> bool:
    """Tell whether the policy language can declare a name."""
    return name not in _TAKEN and re.fullmatch(_NAME, name) is not None


def unnameable(names: Set[str]) -> set[str]:
    """Return the names that the policy language cannot declare."""
    bad = set(names & _TAKEN)
    if not are_words(names):
        bad.update(name for name in names if not is_name(name))
    return bad


def is_filesystem(name: str) -> bool:
    """Tell whether the policy language can name a file system, which may begin with a digit."""
    return is_name(name) or re.fullmatch(_FILESYSTEM, name) is not None


def is_path(text: str) -> bool:
    """Tell whether a text can stand between quotes."""
    return '"' not in text and "\n" not in text and text != ""


def is_file_name(text: str) -> bool:
    """Tell whether a named transition can ask for a name."""
    return is_path(text)
