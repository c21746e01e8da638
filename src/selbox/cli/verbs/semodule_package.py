"""``selbox semodule_package``: a module put into a package, with the arguments of ``semodule_package``."""

from selbox.binary.formats import Format
from selbox.binary.module import read_module
from selbox.binary.modulewriter import write_module
from selbox.binary.package import PackageSections, join_package
from selbox.cli.outputs import Output, write_outputs
from selbox.cli.verb import Example, Manual, UsageError
from selbox.cli.written import Written
from selbox.diagnostics import Diagnostics
from selbox.store.inputs import read_input
from selbox.typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

MANUAL = Manual(
    description="""
Puts a policy module into a package, as semodule installs it, with the contexts of its files and what else belongs to
it. It takes the arguments of `semodule_package` and ends as that ends. The module, which checkmodule makes of its
source, is read and checked. Any file may be compressed with bzip2, gzip, xz or zstd.
""",
    examples=(
        Example("A package of a module alone:", "selbox semodule_package -o local.pp -m local.mod"),
        Example("With the contexts of its files:", "selbox semodule_package -o httpd.pp -m httpd.mod -f httpd.fc"),
    ),
    exit_statuses=(
        ("0", "success"),
        ("1", "a file or the command line is wrong, a file cannot be read or written, or --help was asked for"),
    ),
)

_TEXTS = {
    "file_contexts": ("-f", "--fc", "the contexts of the module's files"),
    "seusers": ("-s", "--seuser", "which Linux users are which SELinux users; for base modules"),
    "users_extra": ("-u", "--user_extra", "prefixes of users' home directories; for base modules"),
    "netfilter_contexts": ("-n", "--nc", "contexts of packets"),
}


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``semodule_package``."""
    parser.add_argument(
        "-o", "--outfile", metavar="FILE", action="append", required=True, help="where the package goes"
    )
    parser.add_argument("-m", "--module", metavar="FILE", action="append", required=True, help="the module")
    for section, (short, long, words) in _TEXTS.items():
        parser.add_argument(short, long, dest=section, metavar="FILE", action="append", help=words)


def run(arguments: "Namespace") -> Written:
    """Read, and write the package."""
    for name, given in vars(arguments).items():
        if isinstance(given, list) and len(given) > 1:
            option = _TEXTS[name][1] if name in _TEXTS else f"--{name}"
            raise UsageError.of("usage", f"{option} may be given once only")
    diagnostics = Diagnostics()
    source = read_input(arguments.module[0]).expect(Format.MODULE)
    module = read_module(source.content, source.name, diagnostics)
    if not module.is_base and (arguments.seusers or arguments.users_extra):
        words = f"`{source.name}` is no base module, and only those have seusers and prefixes of users"
        raise UsageError.of("usage", words, help="leave out --seuser and --user_extra")
    texts = {
        section: read_input(getattr(arguments, section)[0]).content
        for section in _TEXTS
        if getattr(arguments, section) is not None
    }
    package = join_package(PackageSections(write_module(module), 0, **texts))
    write_outputs([Output(arguments.outfile[0], package)])
    values = {"output": arguments.outfile[0], "module": module.name, "version": module.version}
    return Written(values, tuple(diagnostics.warnings))
