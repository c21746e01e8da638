"""``selbox secilc``: CIL to a kernel policy, with the arguments of ``secilc``."""

from selbox.cli.compilerarguments import handle_unknown, policy_version, target, truth, whole_number
from selbox.cli.outputs import Output, write_outputs
from selbox.cli.progress import Progress
from selbox.cli.verb import Example, Manual, StatusError, UsageError
from selbox.cli.written import Written
from selbox.compiler.options import DEFAULT_EXPAND_SIZE, CompileOptions
from selbox.diagnostics import Diagnostics, SelboxError
from selbox.model.policy import Target
from selbox.store.baselines import BaselineStore
from selbox.store.builds import Order, build, rebuild
from selbox.store.inputs import each_of, read_files, unpacked
from selbox.store.policyfiles import written_version
from selbox.typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

EXIT_NOT_FOUND: Final = 254
"""How secilc ends when a name is not declared: -ENOENT of libsepol, in a byte."""

_EXIT_EXISTS: Final = 239
"""How it ends when transitions of roles contradict one another: -EEXIST."""

DEFAULT_FILE_CONTEXTS: Final = "file_contexts"

MANUAL = Manual(
    description="""
Compiles CIL to a policy that the kernel loads, and writes its file contexts beside it. It takes what `secilc` of
SELinux 3.4 takes, writes where it writes, and ends as it ends; the base policy of selbox is not used.

Other than there, all errors are reported and not the first alone, output files are written whole or not at all, files
may be compressed with bzip2, gzip, xz or zstd, and a policy that needs a newer version of the format than 33 gets it.
`selbox compile` does the same with the base policy and module packages.
""",
    examples=(
        Example("Compile a policy of two files to policy.33 and file_contexts:", "selbox secilc base.cil apps.cil"),
        Example(
            "For an older kernel, with names of your own for the files:",
            "selbox secilc -c 30 -o policy.30 -f contexts base.cil apps.cil",
        ),
        Example("Only see whether it compiles:", "selbox secilc -o /dev/null -f /dev/null base.cil"),
    ),
    exit_statuses=(
        ("0", "success"),
        ("254", "a name is used that is not declared"),
        ("239", "transitions of roles contradict one another"),
        ("255", "another error of the policy, or a file that cannot be read or written"),
        ("1", "the command line is wrong, or --help was asked for"),
    ),
)


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``secilc``."""
    add = parser.add_argument
    add("-o", "--output", metavar="FILE", help="write the policy to FILE (default: policy.VERSION)")
    add(
        "-f",
        "--filecontexts",
        metavar="FILE",
        default=DEFAULT_FILE_CONTEXTS,
        help="write file contexts to FILE (default: file_contexts)",
    )
    add(
        "-t",
        "--target",
        type=target,
        default=Target.SELINUX,
        metavar="{selinux,xen}",
        help="what the policy is for (default: selinux)",
    )
    add("-M", "--mls", type=truth, metavar="{true,false}", help="with or without levels, whatever the policy says")
    add(
        "-c",
        "--policyversion",
        type=policy_version,
        metavar="VERSION",
        help="version of the policy format (default: 33, or the least above it that the policy needs)",
    )
    add(
        "-U",
        "--handle-unknown",
        type=handle_unknown,
        metavar="{deny,allow,reject}",
        help="what becomes of unknown classes and permissions, whatever the policy says (default: deny)",
    )
    add("-D", "--disable-dontaudit", action="store_true", help="leave dontaudit rules out")
    add("-P", "--preserve-tunables", action="store_true", help="treat tunables as booleans")
    add(
        "-Q",
        "--qualified-names",
        action="store_true",
        help="allow dots in names; there may be no blocks then, nor what belongs to them",
    )
    add("-m", "--multiple-decls", action="store_true", help="allow some statements to declare a name again")
    add("-N", "--disable-neverallow", action="store_true", help="do not check neverallow rules")
    add("-G", "--expand-generated", action="store_true", help="write generated attributes out, and leave them out")
    add(
        "-X",
        "--expand-size",
        type=whole_number,
        default=DEFAULT_EXPAND_SIZE,
        metavar="SIZE",
        help="write attributes of fewer than SIZE types out",
    )
    add("-O", "--optimize", action="store_true", help="leave redundant rules out")
    add("-v", "--verbose", action="count", default=0, help="show all warnings; twice: also what is being done")
    add("files", nargs="*", metavar="FILE", help="a file in CIL; all are taken together, in any order")


def run(arguments: "Namespace") -> Written:
    """Compile and write."""
    if not arguments.files:
        raise UsageError.of("usage", "no CIL files are given", help="name at least one")
    try:
        return _compiled(arguments)
    except SelboxError as error:
        if _is_not_found(error):
            raise StatusError(*error.diagnostics, exit_status=EXIT_NOT_FOUND) from None
        if any(each.code == "cil-conflicting-role-transition" for each in error.diagnostics):
            raise StatusError(*error.diagnostics, exit_status=_EXIT_EXISTS) from None
        raise


def _compiled(arguments: "Namespace") -> Written:
    diagnostics = Diagnostics()
    with Progress(log=arguments.verbose > 1) as progress:
        files = read_files(arguments.files, diagnostics, repeats=True)
        order = Order(compile_options(arguments), base=False, version=arguments.policyversion, contexts=True)
        store = BaselineStore.of_user()
        built = rebuild(files, lambda file, _: unpacked(file).source().text, order, diagnostics, progress, store)
        if built is None:
            sources = each_of(lambda file: unpacked(file).source(), files)
            built = build(sources, order, diagnostics, progress, store, files)
        version = written_version(built.binary)
        output = arguments.output or f"policy.{version}"
        write_outputs([Output(output, built.binary), Output(arguments.filecontexts, built.file_contexts or b"")])
    values = {"output": output, "version": version, "file_contexts": arguments.filecontexts}
    return Written(values, tuple(diagnostics.warnings), verbose=arguments.verbose > 0)


def compile_options(arguments: "Namespace") -> CompileOptions:
    """Return what the arguments ask of the compiler."""
    return CompileOptions(
        target=arguments.target,
        mls=arguments.mls,
        handle_unknown=arguments.handle_unknown,
        multiple_declarations=arguments.multiple_decls,
        preserve_tunables=arguments.preserve_tunables,
        qualified_names=arguments.qualified_names,
        disable_neverallow=arguments.disable_neverallow,
        disable_dontaudit=arguments.disable_dontaudit,
        expand_size=arguments.expand_size,
        expand_generated=arguments.expand_generated,
        optimize=arguments.optimize,
    )


_BEFORE_NAMES: Final = (
    "cil-bad-",
    "cil-duplicate-",
    "cil-misplaced",
    "cil-stray-text",
    "cil-syntax",
    "cil-too-deep",
    "cil-unbalanced",
    "cil-unknown-policycap",
    "cil-unknown-statement",
    "cil-unterminated-string",
)
"""Beginnings of codes of what secilc finds before it looks names up."""


def _is_not_found(error: SelboxError) -> bool:
    """Tell whether the first thing that secilc would stop at is a name that is not declared."""
    codes = [each.code for each in error.diagnostics]
    return any(each.startswith("cil-unknown-") for each in codes) and not any(
        each.startswith(_BEFORE_NAMES) for each in codes
    )
