"""``selbox compile``: CIL and module packages to a kernel policy."""

from collections.abc import Sequence

from selbox.cli.compilerarguments import handle_unknown, policy_version, target, truth, whole_number
from selbox.cli.notices import notices, warning_values
from selbox.cli.output import JsonValue
from selbox.cli.outputs import STANDARD_OUTPUT, Output, file_or_standard_output, write_outputs
from selbox.cli.progress import Progress
from selbox.cli.terminal import Terminal
from selbox.cli.verb import Example, Manual, UsageError
from selbox.compiler.options import DEFAULT_EXPAND_SIZE, DEFAULTS, CompileOptions
from selbox.diagnostics import Diagnostic, Diagnostics
from selbox.model.policy import Target
from selbox.store.baselines import BaselineStore
from selbox.store.builds import Build, Order, build, places, rebuild
from selbox.store.inputs import ORIGINS_ENDING, File, each_of, read_files, unpacked
from selbox.store.policyfiles import (
    kernel_policy,
    policy_sources,
    sole_kernel_policy,
    written_version,
)
from selbox.typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

MANUAL = Manual(
    description="""
Compiles policy to the file that a kernel loads. Files in CIL and module packages (.pp) are taken together, in any
order, as they are or compressed with bzip2, gzip, xz or zstd: what a file is, its first bytes say, not its name. Every
error that can be found is shown, with its place; neverallow rules are checked. Files are written whole or not at all.

The base policy of selbox is compiled with them, unless a file declares its own classes or initial SIDs, as Debian's
policy does: such a policy is complete.

One kernel policy alone is read and written again, in the version that is asked for.
""",
    examples=(
        Example("A policy that is written on the base policy:", "selbox compile notes.cil -o notes.policy"),
        Example(
            "Debian's policy, of all its modules, with the contexts of its files:",
            "selbox compile /usr/share/selinux/default/*.pp.bz2 -o policy.33 --file-contexts file_contexts",
        ),
        Example(
            "For an older kernel, smaller, with tunables that can be switched when it runs:",
            "selbox compile *.cil -o policy.30 --policy-version 30 --optimize --preserve-tunables",
        ),
        Example("A kernel policy in another version:", "selbox compile policy.33 -o policy.30 -c 30"),
        Example("From one pipe to another:", "selbox compile - -o - < policy.cil.gz | wc -c"),
    ),
)


class CompiledPolicy(NamedTuple):
    """What was written.

    Attributes:
        output: path of the policy.
        version: of its format.
        size: bytes of the policy.
        file_contexts: path of the file contexts; None when they were not asked for.
        origins: path of the places of rules; likewise.
        warnings: all that were found.
        verbose: whether all are shown.
    """

    output: str
    version: int
    size: int
    file_contexts: str | None
    origins: str | None
    warnings: tuple[Diagnostic, ...]
    verbose: bool

    @property
    def exit_status(self) -> int:
        """0: what could not be written is no result."""
        return 0

    @property
    def notices(self) -> tuple[Diagnostic, ...]:
        """The warnings that are shown."""
        return notices(self.warnings, verbose=self.verbose)

    def to_text(self, terminal: Terminal) -> str:  # noqa: ARG002 - every result is asked so
        """Return a line for each file; nothing when one of them is standard output."""
        if STANDARD_OUTPUT in (self.output, self.file_contexts):
            return ""
        lines = [f"{self.output}: kernel policy, version {self.version}, {self.size} bytes"]
        if self.file_contexts is not None:
            lines.append(f"{self.file_contexts}: file contexts")
        if self.origins is not None:
            lines.append(f"{self.origins}: places of the rules in the source")
        return "\n".join(lines)

    def to_json(self) -> JsonValue:
        """Return paths, version, size and warnings."""
        return {
            "output": self.output,
            "version": self.version,
            "size": self.size,
            "file_contexts": self.file_contexts,
            "origins": self.origins,
            "warnings": warning_values(self.warnings),
        }


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``selbox compile``."""
    add = parser.add_argument
    add("-o", "--output", required=True, metavar="POLICY", help="write the policy to POLICY; - is standard output")
    add(
        "-c",
        "--policy-version",
        type=policy_version,
        metavar="VERSION",
        help="version of the policy format (default: 33, or the least above it that the policy needs)",
    )
    add("--file-contexts", metavar="FILE", help="write the contexts of files to FILE, as file_contexts(5) has them")
    add(
        "--origins",
        action="store_true",
        help="write beside the policy, to POLICY.origins, where in the source each rule stands; explanations tell it",
    )
    add("--no-base", action="store_true", help="leave the base policy out")
    add(
        "--target",
        type=target,
        default=Target.SELINUX,
        metavar="{selinux,xen}",
        help="what the policy is for (default: selinux)",
    )
    add("--mls", type=truth, metavar="{true,false}", help="with or without levels, whatever the policy says")
    add(
        "--handle-unknown",
        type=handle_unknown,
        metavar="{deny,allow,reject}",
        help="what becomes of classes and permissions that the policy does not define, whatever it says",
    )
    add("--disable-dontaudit", action="store_true", help="leave dontaudit rules out, so that all denials are recorded")
    add("--disable-neverallow", action="store_true", help="do not check neverallow rules")
    add(
        "--preserve-tunables",
        action="store_true",
        help="keep tunables as booleans, to be switched when the policy runs",
    )
    add("--qualified-names", action="store_true", help="take dots as part of names; there may be no blocks then")
    add("--multiple-declarations", action="store_true", help="allow types and attributes to be declared again")
    add("--expand-generated", action="store_true", help="write attributes that a compiler made out in rules")
    add(
        "--expand-size",
        type=whole_number,
        default=DEFAULT_EXPAND_SIZE,
        metavar="SIZE",
        help="write attributes of fewer than SIZE types out in rules",
    )
    add("--optimize", action="store_true", help="leave out rules that others say already")
    add("-v", "--verbose", action="store_true", help="show all warnings")
    add("files", nargs="*", metavar="FILE", help="CIL or a module package; or one kernel policy; - is standard input")


def run(arguments: "Namespace") -> CompiledPolicy:
    """Compile and write."""
    if arguments.no_base and not arguments.files:
        raise UsageError.of("usage", "there is no policy to compile", help="name a file, or leave out --no-base")
    output = file_or_standard_output(arguments.output)
    contexts = None if arguments.file_contexts is None else file_or_standard_output(arguments.file_contexts)
    if STANDARD_OUTPUT in (output, contexts) and (arguments.json or output == contexts):
        raise UsageError.of("usage", "standard output can take one thing only", help="name a file for the others")
    if output == STANDARD_OUTPUT and arguments.origins:
        raise UsageError.of(
            "usage", "there is no place beside standard output", help="name a file, or leave out --origins"
        )
    origins = output + ORIGINS_ENDING if arguments.origins else None
    diagnostics = Diagnostics()
    with Progress() as progress:
        progress.stage("reading")
        built = _built(read_files(arguments.files, diagnostics, stdin=True), arguments, diagnostics, progress)
        outputs = [Output(output, built.binary)]
        if contexts is not None and built.file_contexts is not None:
            outputs.append(Output(contexts, built.file_contexts))
        if origins is not None and built.origins is not None:
            outputs.append(Output(origins, built.origins))
        write_outputs(outputs)
    warnings = tuple(diagnostics.warnings)
    version, size = written_version(built.binary), len(built.binary)
    return CompiledPolicy(output, version, size, contexts, origins, warnings, arguments.verbose)


def _built(files: Sequence[File], arguments: "Namespace", diagnostics: Diagnostics, progress: Progress) -> Build:
    options = _options(arguments)
    order = Order(
        options,
        base=not arguments.no_base,
        version=arguments.policy_version,
        contexts=arguments.file_contexts is not None,
        origins=arguments.origins,
    )
    store = BaselineStore.of_user()
    built = rebuild(files, _text, order, diagnostics, progress, store)
    if built is not None:
        return built
    inputs = each_of(unpacked, files)
    kernel = sole_kernel_policy(inputs)
    if kernel is None:
        known = len(diagnostics.warnings)
        sources = policy_sources(inputs, diagnostics, progress)
        del inputs  # packages take three times the memory of their CIL
        is_silent = len(diagnostics.warnings) == known
        return build(sources, order, diagnostics, progress, store, files if is_silent else None)
    if options._replace(optimize=False) != DEFAULTS or arguments.file_contexts is not None:
        raise UsageError.of(
            "usage",
            f"`{kernel.name}` is a kernel policy, which is compiled already: the compiler's options do not apply",
            help="only --optimize, -o and -c do; `selbox checkpolicy -b -C` turns it into CIL",
        )
    from selbox.binary.kernel import write_policy  # those who compile do not pay for it before they must

    policy = kernel_policy(kernel, diagnostics)
    if options.optimize:
        from selbox.compiler.optimize import optimize

        policy = optimize(policy)
    progress.stage("writing")
    binary = write_policy(policy, arguments.policy_version, diagnostics)
    return Build(binary, None, places(policy, binary) if arguments.origins else None)


def _text(file: File, diagnostics: Diagnostics) -> str:
    """Return the CIL of a file."""
    return policy_sources([unpacked(file)], diagnostics)[0].text


def _options(arguments: "Namespace") -> CompileOptions:
    return CompileOptions(
        target=arguments.target,
        mls=arguments.mls,
        handle_unknown=arguments.handle_unknown,
        multiple_declarations=arguments.multiple_declarations,
        preserve_tunables=arguments.preserve_tunables,
        qualified_names=arguments.qualified_names,
        disable_neverallow=arguments.disable_neverallow,
        disable_dontaudit=arguments.disable_dontaudit,
        expand_size=arguments.expand_size,
        expand_generated=arguments.expand_generated,
        optimize=arguments.optimize,
    )
