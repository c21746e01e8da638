"""Whose mode is meant by ``getenforce`` and ``setenforce``: the system's, where the command runs in one, or a box's."""

from selbox.cli.boxes import ask_box
from selbox.cli.boxforms import STATUS
from selbox.userspace.selinuxfs import SystemAnswers, is_there


def enforcing(box: str | None) -> bool:
    """Tell whether denials are enforced.

    Args:
        box: name or number of a box; None for the system, or, where that has no SELinux, for the only box.

    Raises:
        SelboxError: code ``no-box`` where there is neither; whatever else keeps it from being told.
    """
    if box is None and is_there():
        return SystemAnswers().enforcing
    return bool(ask_box(box, "status", STATUS)["enforcing"])


def set_enforcing(box: str | None, value: bool) -> None:
    """Have denials enforced or not.

    Args:
        box: as for :func:`enforcing`.
        value: whether they are.

    Raises:
        SelboxError: as :func:`enforcing`.
    """
    if box is None and is_there():
        SystemAnswers().set_enforcing(value)
    else:
        ask_box(box, "setenforce", {}, enforcing=value)
