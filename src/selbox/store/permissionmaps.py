"""Permission maps as files: selbox's own, or one that is named."""

import os

from selbox.diagnostics import SourceFile
from selbox.language.permissionmap import PermissionMap, parse_permission_map
from selbox.store.inputs import read_input
from selbox.store.policyfiles import BASE_DIRECTORY
from selbox.typing import Final

OWN_MAP: Final = os.path.join(os.path.dirname(BASE_DIRECTORY), "permission_map")
"""The path of selbox's own permission map."""


def read_permission_map(path: str | None = None) -> PermissionMap:
    """Read a permission map, selbox's own when none is named.

    Raises:
        SelboxError: when the file cannot be read, or with every line of it that is wrong.
    """
    if path is None:
        with open(OWN_MAP, encoding="utf-8") as stream:
            return parse_permission_map(SourceFile("<permission map>", stream.read()))
    return parse_permission_map(read_input(path).text("a permission map"))
