"""What a compilation may be asked to do differently: the options of ``secilc`` that change the policy's meaning."""

from selbox.model.policy import HandleUnknown, Target
from selbox.typing import Final, NamedTuple

DEFAULT_EXPAND_SIZE: Final = 1
"""An attribute with fewer types than this is written out in rules; only empty ones are, by default."""


class CompileOptions(NamedTuple):
    """Options of a compilation; the defaults are those of ``secilc``.

    Source: ``secilc(8)``, and ``cil_set_*`` of libsepol.

    Attributes:
        target: the object manager that the policy is for (``-t``).
        mls: whether levels count; None leaves it to the policy's ``mls`` statement (``-M``).
        handle_unknown: what becomes of classes and permissions that the policy does not define; None leaves it to the
            policy's ``handleunknown`` statement, and is ``DENY`` without one (``-U``).
        multiple_declarations: whether a type, attribute or macro-like declaration may stand several times (``-m``).
        preserve_tunables: whether tunables are kept as booleans, to be switched when the policy runs (``-P``).
        qualified_names: whether dots in names are plain characters and blocks do not exist (``-Q``).
        disable_neverallow: whether ``neverallow`` assertions go unchecked (``-N``).
        disable_dontaudit: whether ``dontaudit`` rules are left out (``-D``).
        expand_size: attributes with fewer types are written out in rules (``-X``).
        expand_generated: whether attributes that a compiler made are written out and left out of the policy (``-G``).
        optimize: whether rules that others say already are left out (``-O``).
    """

    target: Target = Target.SELINUX
    mls: bool | None = None
    handle_unknown: HandleUnknown | None = None
    multiple_declarations: bool = False
    preserve_tunables: bool = False
    qualified_names: bool = False
    disable_neverallow: bool = False
    disable_dontaudit: bool = False
    expand_size: int = DEFAULT_EXPAND_SIZE
    expand_generated: bool = False
    optimize: bool = False


DEFAULTS: Final = CompileOptions()
"""What ``secilc`` does when nothing is asked for."""
