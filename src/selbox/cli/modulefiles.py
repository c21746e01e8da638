"""The files that ``audit2allow -M`` writes: a module's source and its package."""

from selbox.analysis.deniedmodule import denied_module
from selbox.binary.modulewriter import write_module
from selbox.binary.package import PackageSections, join_package
from selbox.cli.audit2allowtext import RuleStyle, Written, has_numbers, rules_text
from selbox.cli.outputs import Output, write_outputs
from selbox.typing import Final

_INSTALL: Final = """\
******************** IMPORTANT ***********************
To make this policy package active, execute:

semodule -i {path}
"""
_NOTHING: Final = """\
No rule allows what the log says was denied, and so there is nothing to install. {path} says what would help.
"""


def write_module_files(written: Written, style: RuleStyle, *, mls: bool) -> tuple[tuple[str, ...], str]:
    """Write the source of a module, ``NAME.te``, and its package, ``NAME.pp``; or in CIL, which is installed as it is.

    Args:
        written: rules, and what is known about them.
        style: how they are written; it names the module.
        mls: whether the policy that takes the module has levels.

    Returns:
        The paths, and what to do with the files in words.

    Raises:
        SelboxError: ``file-unwritable``.
    """
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
