"""What a system has for who writes policy with the interfaces of the reference policy, where sepolgen keeps it."""

import os
import re

from selbox.diagnostics import SelboxError
from selbox.language.interfaceinfo import Interface, parse_interface_info
from selbox.language.permissionmap import PermissionMap
from selbox.store.inputs import read_input
from selbox.store.permissionmaps import read_permission_map
from selbox.typing import Final

MISSING_INFO_CODE: Final = "interface-info-missing"
MISSING_HEADERS_CODE: Final = "policy-headers-missing"

_DIRECTORY: Final = "/var/lib/sepolgen"
_CONFIGURATION: Final = "/etc/selinux/sepolgen.conf"
_PLACES: Final = "/usr/share/selinux/default:/usr/share/selinux/mls:/usr/share/selinux/devel"
_SETTING: Final = re.compile(r"^\s*SELINUX_DEVEL_PATH\s*=\s*(\S+)", re.MULTILINE)
_HEADERS: Final = "the headers of the policy, which Debian has in the package selinux-policy-dev"


def read_interface_info(path: str | None = None, root: str = "/") -> list[Interface]:
    """Read interface information: that of a file, or the system's.

    Args:
        path: the file, if one is named.
        root: the directory that the system's paths are sought in.

    Raises:
        SelboxError: ``interface-info-missing`` when there is none, ``interface-info-syntax``, or as of every file.
    """
    if path is None:
        path = _in(root, f"{_DIRECTORY}/interface_info")
        if not os.path.exists(path):
            raise SelboxError.of(
                MISSING_INFO_CODE,
                f"there is no `{path}`, which says what the interfaces of the policy give",
                help=f"install {_HEADERS}, and run `sepolgen-ifgen`; or `sepolgen-ifgen -i HEADERS -o FILE`, and name "
                "FILE with --interface-info",
            )
    return parse_interface_info(read_input(path).text("interface information"))


def read_sepolgen_permission_map(path: str | None = None, root: str = "/") -> PermissionMap:
    """Read the permission map that interfaces are weighed with: a file's, the system's, or selbox's own.

    Raises:
        SelboxError: as :func:`selbox.store.permissionmaps.read_permission_map`.
    """
    system = _in(root, f"{_DIRECTORY}/perm_map")
    return read_permission_map(path or (system if os.path.exists(system) else None))


def reference_makefile(root: str = "/") -> str:
    """Return the makefile that builds modules with interfaces.

    Raises:
        SelboxError: ``policy-headers-missing``.

    Source: ``PathChooser`` and ``refpolicy_makefile`` of sepolgen's ``defaults.py``.
    """
    try:
        with open(_in(root, _CONFIGURATION), encoding="utf-8", errors="replace") as stream:
            found = _SETTING.search(stream.read())
    except OSError:
        found = None
    places = (found[1] if found else _PLACES).split(":")
    for name in ("Makefile", "include/Makefile"):
        for place in places:
            path = os.path.join(_in(root, place), name)
            if os.path.exists(path):
                return path
    raise SelboxError.of(
        MISSING_HEADERS_CODE,
        "a package with calls of interfaces is built with the makefile of the policy's headers, and there is none",
        help=f"install {_HEADERS}; or write the source alone with -m NAME; or leave out -R",
    )


def _in(root: str, path: str) -> str:
    return os.path.join(root, path.lstrip("/"))
