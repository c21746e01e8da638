"""SELinux in user space.

What programs use is here by name, and imported when it is first asked for::

    from selbox import ObjectManager, PermissionDenied, SelboxError, peer_context
"""

TYPE_CHECKING = False  # its home, typing, costs ten times what this file does
if TYPE_CHECKING:
    from selbox.diagnostics import SelboxError
    from selbox.userspace.contexts import current_context, file_context, peer_context
    from selbox.userspace.objectmanager import ObjectManager
    from selbox.userspace.permission import PermissionDenied, PermissionResult

__version__ = "0.1.0"

__all__ = [
    "ObjectManager",
    "PermissionDenied",
    "PermissionResult",
    "SelboxError",
    "current_context",
    "file_context",
    "peer_context",
]

_HOMES = {
    "ObjectManager": "selbox.userspace.objectmanager",
    "PermissionDenied": "selbox.userspace.permission",
    "PermissionResult": "selbox.userspace.permission",
    "SelboxError": "selbox.diagnostics",
    "current_context": "selbox.userspace.contexts",
    "file_context": "selbox.userspace.contexts",
    "peer_context": "selbox.userspace.contexts",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
