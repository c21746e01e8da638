"""``selbox semodule_unpackage``: a module package taken apart, with the arguments of ``semodule_unpackage``."""

from selbox.binary.formats import Format
from selbox.binary.package import split_package
from selbox.cli.outputs import Output, write_outputs
from selbox.cli.verb import Example, Manual
from selbox.cli.written import Written
from selbox.diagnostics import Diagnostics
from selbox.store.inputs import read_input
from selbox.typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

MANUAL = Manual(
    description="""
Takes a module package apart: its module goes to MODFILE, and its file contexts to FCFILE where that is given and the
package has some. It takes the arguments of `semodule_unpackage` and ends as that ends. The package may be compressed
with bzip2, gzip, xz or zstd.
""",
    examples=(
        Example("The module alone:", "selbox semodule_unpackage httpd.pp httpd.mod"),
        Example("The module and the contexts of its files:", "selbox semodule_unpackage httpd.pp httpd.mod httpd.fc"),
    ),
    exit_statuses=(
        ("0", "success"),
        ("1", "the package or the command line is wrong, a file cannot be read or written, or --help was asked for"),
    ),
)


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``semodule_unpackage``."""
    parser.add_argument("package", metavar="PPFILE", help="the package")
    parser.add_argument("module", metavar="MODFILE", help="where its module goes")
    parser.add_argument("file_contexts", nargs="?", metavar="FCFILE", help="where its file contexts go")


def run(arguments: "Namespace") -> Written:
    """Take apart and write."""
    given = read_input(arguments.package).expect(Format.PACKAGE)
    diagnostics = Diagnostics()
    sections = split_package(given.content, given.name, diagnostics)
    outputs = [Output(arguments.module, sections.module)]
    if arguments.file_contexts is not None and sections.file_contexts:
        outputs.append(Output(arguments.file_contexts, sections.file_contexts))
    write_outputs(outputs)
    return Written({"outputs": [each.path for each in outputs]}, tuple(diagnostics.warnings))
