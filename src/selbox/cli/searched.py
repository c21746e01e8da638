"""The policies that a search is for: those on the command line, else the system's."""

import os
from collections.abc import Iterable, Sequence

from selbox.analysis.catalogue import Assertion, Catalogue
from selbox.binary.formats import Format
from selbox.cli.notices import notices
from selbox.cli.policyarguments import VARIABLE
from selbox.cli.verb import UsageError
from selbox.diagnostics import Diagnostic, Diagnostics, SelboxError
from selbox.store.catalogues import KeptCatalogues
from selbox.store.inputs import ORIGINS_ENDING, Input, read_inputs
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from selbox.model.policy import Policy

WHICH_POLICIES: Final = f"""
POLICY is a kernel policy, CIL, or a module package; compressed ones are unpacked. Sources are compiled together, with
the base policy of selbox unless they are complete, and are one policy. Each kernel policy is one of its own: where
there are several policies, each line begins with the name of its policy. Where no POLICY is given, the variable
{VARIABLE} names files, with colons between them; and where that is not set, it is the policy of the box or kernel
that the command runs under, or the one that the system has installed.
"""
"""A paragraph for manuals."""

WHICH_POLICY: Final = f"""
POLICY is a kernel policy, CIL, or a module package; compressed ones are unpacked. Several sources are compiled
together, with the base policy of selbox unless they are complete. Where no POLICY is given, the variable {VARIABLE}
names files, with colons between them; and where that is not set, it is the policy of the box or kernel that the command
runs under, or the one that the system has installed.
"""
"""The same for verbs that search one policy."""

_LOADED: Final = "/sys/fs/selinux/policy"
_CONFIGURATION: Final = "/etc/selinux/config"
_INSTALLED: Final = "/etc/selinux/{}/policy"


class Searched(NamedTuple):
    """One policy.

    Attributes:
        name: the path of a kernel policy, or the paths of sources with blanks between them, as they were named.
        catalogue: what it holds.
        notices: warnings about it.
    """

    name: str
    catalogue: Catalogue
    notices: tuple[Diagnostic, ...] = ()


class Whole(NamedTuple):
    """One policy as a whole.

    Attributes:
        name, notices: as in :class:`Searched`.
        policy: the policy.
        version: of its binary format; 0 when it comes from sources.
        assertions: of its sources.
    """

    name: str
    policy: "Policy"
    version: int
    notices: tuple[Diagnostic, ...]
    assertions: tuple[Assertion, ...] = ()

    @property
    def catalogue(self) -> Catalogue:
        """The policy laid out for searches."""
        return Catalogue.of(self.policy, self.version, self.assertions)


def add_searched_arguments(parser: "ArgumentParser") -> None:
    """Declare the operands that name policies, and the options that SETools' programs have in common."""
    parser.add_argument("policy", nargs="*", metavar="POLICY", help="policies to search")
    add_common_arguments(parser)


def add_common_arguments(parser: "ArgumentParser") -> None:
    """Declare the options that SETools' programs have in common, and one about what is compiled."""
    import selbox

    parser.add_argument("--no-base", action="store_true", help="leave the base policy out of what is compiled")
    parser.add_argument("-v", "--verbose", action="store_true", help="show every warning about a policy")
    parser.add_argument("--debug", action="store_true", help="has no effect")
    parser.add_argument(
        "--version", action="version", version=f"selbox {selbox.__version__}", help="show the version of selbox"
    )


def shown_notices(arguments: "Namespace", found: "Iterable[Searched | Whole]") -> tuple[Diagnostic, ...]:
    """Return the warnings about policies that are shown: the first ones, or all where they are asked for."""
    return notices([notice for each in found for notice in each.notices], verbose=arguments.verbose)


def policy_files(arguments: "Namespace") -> list[str]:
    """Return the files that are to be searched.

    Raises:
        SelboxError: ``no-policy``, when none is named and the system has none.
    """
    paths = list(arguments.policy) or [each for each in os.environ.get(VARIABLE, "").split(os.pathsep) if each]
    return paths or [_system_policy()]


def searched_policies(arguments: "Namespace") -> list[Searched]:
    """Return the policies that are to be searched.

    Raises:
        SelboxError: with everything that is wrong with them.
    """
    kernels, sources, warnings = _given(arguments)
    found = [_kernel(each) for each in kernels]
    if sources:
        from selbox.cli.searchedsources import compiled_catalogue

        catalogue, notices_of_sources = compiled_catalogue(sources, base=not arguments.no_base)
        found.append(Searched(_name(sources), catalogue, notices_of_sources))
    return [found[0]._replace(notices=(*warnings, *found[0].notices)), *found[1:]]


def whole_policies(arguments: "Namespace") -> list[Whole]:
    """Return the policies that are to be searched as a whole.

    Raises:
        SelboxError: likewise.
    """
    kernels, sources, warnings = _given(arguments)
    found = [_read(each) for each in kernels]
    if sources:
        found.append(_compiled(sources, base=not arguments.no_base))
    return [found[0]._replace(notices=(*warnings, *found[0].notices)), *found[1:]]


def whole_policy(words: str, *, base: bool) -> Whole:
    """Return a policy that an operand names: a file, or sources with colons between them.

    Raises:
        SelboxError: with everything that is wrong with it.
    """
    from selbox.store.policyfiles import sole_kernel_policy

    diagnostics = Diagnostics()
    inputs = read_inputs([words] if os.path.exists(words) else words.split(os.pathsep), diagnostics)
    kernel = sole_kernel_policy(inputs)
    whole = _compiled(inputs, base=base) if kernel is None else _read(kernel)
    return whole._replace(name=words, notices=(*diagnostics.warnings, *whole.notices))


def _given(arguments: "Namespace") -> tuple[list[Input], list[Input], Sequence[Diagnostic]]:
    """Return the kernel policies, the sources, and the warnings about both."""
    diagnostics = Diagnostics()
    kernels: list[Input] = []
    sources: list[Input] = []
    for each in read_inputs(policy_files(arguments), diagnostics):
        (kernels if each.format is Format.KERNEL_POLICY else sources).append(each)
    return kernels, sources, diagnostics.warnings


def searched_policy(arguments: "Namespace") -> Searched:
    """Return the one policy that is to be searched.

    Raises:
        SelboxError: likewise; ``usage`` when there are several.
    """
    found = searched_policies(arguments)
    if len(found) > 1:
        names = " and ".join(f"`{each.name}`" for each in found[:2])
        raise UsageError.of("usage", f"{names} are two policies; this searches one")
    return found[0]


def _kernel(given: Input) -> Searched:
    kept = None if os.path.exists(given.name + ORIGINS_ENDING) else KeptCatalogues.of_user()
    known = None if kept is None else kept.get(given.content)
    if known is not None:
        try:
            return Searched(given.name, Catalogue.read(known))
        except ValueError:  # what is broken is made anew
            pass
    whole = _read(given)
    catalogue = whole.catalogue
    if kept is not None and not whole.notices:
        kept.put(given.content, catalogue.kept())
    return Searched(given.name, catalogue, whole.notices)


def _read(given: Input) -> Whole:
    from selbox.store.policyfiles import kernel_policy, written_version

    diagnostics = Diagnostics()
    policy = kernel_policy(given, diagnostics)
    return Whole(given.name, policy, written_version(given.content), tuple(diagnostics.warnings))


def _compiled(given: Sequence[Input], *, base: bool) -> Whole:
    from selbox.cli.searchedsources import compiled

    made = compiled(given, base=base)
    return Whole(_name(given), made.policy, 0, made.warnings, made.assertions)


def _name(given: Sequence[Input]) -> str:
    return " ".join(each.name for each in given)


def _system_policy() -> str:
    """Return the path of the policy in force, or of the newest one that is installed.

    Source: ``_potential_policies`` of SETools: ``selinux_current_policy_path`` and ``selinux_binary_policy_path`` of
    libselinux.
    """
    if os.access(_LOADED, os.R_OK):
        return _LOADED
    directory = _INSTALLED.format(_configured())
    try:
        versions = [each.rpartition(".") for each in os.listdir(directory)]
    except OSError:
        versions = []
    numbers = [int(number) for start, _, number in versions if start == "policy" and number.isdecimal()]
    if numbers:
        return os.path.join(directory, f"policy.{max(numbers)}")
    raise SelboxError.of(
        "no-policy",
        "no policy is given, and neither a box or kernel with SELinux nor an installed policy is there to be searched",
        help=f"name a policy as the last argument, or in the variable {VARIABLE}",
    )


def _configured() -> str:
    """Return the name of the policy that the system is configured for."""
    name = "targeted"
    try:
        with open(_CONFIGURATION, encoding="utf-8", errors="replace") as stream:
            for line in stream:
                key, sign, value = line.partition("=")
                if sign and key.strip() == "SELINUXTYPE":
                    name = value.strip()
    except OSError:
        pass
    return name
