"""The files that ``audit2allow -M`` writes: a module's source and its package."""

import subprocess

from selbox.analysis.deniedmodule import denied_module
from selbox.binary.modulewriter import write_module
from selbox.binary.package import PackageSections, join_package
from selbox.cli.audit2allowtext import RuleStyle, Written, has_numbers, rules_text
from selbox.cli.outputs import Output, write_outputs
from selbox.diagnostics import SelboxError
from selbox.store.referencepolicy import reference_makefile
from selbox.typing import Final

_INSTALL: Final = """\
******************** IMPORTANT ***********************
To make this policy package active, execute:

semodule -i {path}
"""
_NOTHING: Final = """\
No rule allows what the log says was denied, and so there is nothing to install. {path} says what would help.
"""


_BUILD_CODE: Final = "module-build-failed"
_MOST_LINES: Final = 20
"""Lines of what make says that are shown."""


def write_module_files(written: Written, style: RuleStyle, *, mls: bool) -> tuple[tuple[str, ...], str]:
    """Write the source of a module, ``NAME.te``, and its package, ``NAME.pp``; or in CIL, which is installed as it is.

    Args:
        written: rules, and what is known about them.
        style: how they are written; it names the module.
        mls: whether the policy that takes the module has levels.

    Returns:
        The paths, and what to do with the files in words.

    Raises:
        SelboxError: ``file-unwritable``; with calls of interfaces also ``policy-headers-missing`` and
            ``module-build-failed``.
    """
    if style.reference:
        return _built_with_headers(written, style)
    text = f"{rules_text(written, style)}\n".encode("utf-8", "surrogateescape")
    outputs = [Output(f"{style.module}.{'cil' if style.cil else 'te'}", text)]
    installs = bool(written.helping or written.role_types)
    if installs and not style.cil:
        rules = [(rule, has_numbers(rule, style)) for rule in written.helping]
        module = denied_module(style.module, rules, written.role_types, dontaudit=style.dontaudit, mls=mls)
        outputs.append(Output(f"{style.module}.pp", join_package(PackageSections(write_module(module), 0))))
    write_outputs(outputs)
    words = (_INSTALL if installs else _NOTHING).format(path=outputs[-1].path)
    return tuple(each.path for each in outputs), words


def _built_with_headers(written: Written, style: RuleStyle) -> tuple[tuple[str, ...], str]:
    """Write a source that calls interfaces, and have the makefile of the policy's headers build its package."""
    makefile = reference_makefile()
    source, package = f"{style.module}.te", f"{style.module}.pp"
    write_outputs([Output(source, f"{rules_text(written, style)}\n".encode("utf-8", "surrogateescape"))])
    try:
        done = subprocess.run(["make", "-f", makefile, package], capture_output=True, check=False)
    except OSError as error:
        raise SelboxError.of(_BUILD_CODE, f"cannot run make: {error.strerror}", help="install make and m4") from None
    if done.returncode:
        lines = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
        words = "\n".join((f"`make -f {makefile} {package}` failed:", *lines[-_MOST_LINES:]))
        raise SelboxError.of(_BUILD_CODE, words, help=f"`{source}` is left as it is")
    return (source, package), _INSTALL.format(path=package)
