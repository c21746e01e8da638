"""``selbox pp``: a module package to CIL, with the arguments of ``pp``."""

import os
from collections.abc import Sequence

from selbox.binary.formats import Format
from selbox.cli.outputs import STANDARD_OUTPUT, Output, file_or_standard_output, write_outputs
from selbox.cli.progress import Progress
from selbox.cli.verb import Example, Manual, UsageError
from selbox.cli.written import Written
from selbox.compiler.text.module import module_to_cil
from selbox.diagnostics import Diagnostics
from selbox.store.inputs import STANDARD_INPUT, Input, each_of, read_input, read_standard_input
from selbox.store.packages import input_package
from selbox.typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

RENAMED_CODE = "module-renamed"

MANUAL = Manual(
    description="""
Translates a module package to CIL, as `pp` of SELinux's policycoreutils does, which the distributions keep in
/usr/libexec/selinux/hll. Without FILE, or with -, the package comes from standard input; without OUT, or with -, the
CIL goes to standard output. A package may be compressed with bzip2, gzip, xz or zstd.

With --into, many packages are translated by one command.
""",
    examples=(
        Example("Read what a package holds:", "selbox pp apache.pp | less"),
        Example("One package to a file:", "selbox pp apache.pp apache.cil"),
        Example(
            "All packages of Debian's policy, to files of the directory cil:",
            "selbox pp --into cil /usr/share/selinux/default/*.pp.bz2",
        ),
    ),
    exit_statuses=(
        ("0", "success, or --help was asked for"),
        ("255", "the package is broken, or a file cannot be read or written"),
        ("1", "the command line is wrong"),
    ),
)


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``pp``."""
    parser.add_argument("--into", metavar="DIRECTORY", help="translate every FILE to a file of DIRECTORY, named .cil")
    parser.add_argument("files", nargs="*", metavar="FILE [OUT]", help="the package, and where its CIL goes")


def run(arguments: "Namespace") -> Written:
    """Translate."""
    pairs = _pairs(arguments.files, arguments.into)
    if arguments.json and any(target == STANDARD_OUTPUT for _, target in pairs):
        raise UsageError.of("usage", "standard output can take one thing only", help="name a file, or leave out --json")
    diagnostics = Diagnostics()
    with Progress() as progress:

        def translated(pair: tuple[str, str]) -> Output:
            source, target = pair
            progress.stage(f"translating {source}")
            given = read_standard_input() if source == STANDARD_INPUT else read_input(source)
            return _translated(given, target, diagnostics)

        write_outputs(each_of(translated, pairs))
    return Written({"outputs": [target for _, target in pairs]}, tuple(diagnostics.warnings))


def _pairs(files: Sequence[str], directory: str | None) -> list[tuple[str, str]]:
    """Return what is read and where it goes.

    Raises:
        UsageError: when there are too few or too many files.
    """
    if directory is not None:
        if not files:
            raise UsageError.of("usage", "there is no package to translate", help="name the packages")
        return [(each, os.path.join(directory, _stem(each) + ".cil")) for each in files]
    if len(files) > 2:
        raise UsageError.of(
            "usage", "pp takes one package and one output", help="--into DIRECTORY translates many packages"
        )
    source = files[0] if files else STANDARD_INPUT
    return [(source, file_or_standard_output(files[1]) if len(files) > 1 else STANDARD_OUTPUT)]


def _stem(path: str) -> str:
    """Return the name of a package's file without what says that it is one, and compressed."""
    name = os.path.basename(path)
    for ending in (".bz2", ".gz", ".xz", ".zst"):
        name = name.removesuffix(ending)
    return name.removesuffix(".pp")


def _translated(given: Input, target: str, diagnostics: Diagnostics) -> Output:
    package = input_package(given.expect(Format.PACKAGE), diagnostics)
    name, called = package.module.name, os.path.splitext(os.path.basename(target))[0]
    if target != STANDARD_OUTPUT and not package.module.is_base and name != called:
        diagnostics.warning(
            RENAMED_CODE, f"SELinux will refer to the module from `{given.name}` as `{name}` rather than `{called}`"
        )
    return Output(target, module_to_cil(package, given.name).encode(errors="surrogateescape"))
