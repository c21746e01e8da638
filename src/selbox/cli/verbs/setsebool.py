"""``selbox setsebool``: other values for the booleans of a policy, with the arguments of ``setsebool``."""

import os
from collections.abc import Mapping, Sequence

from selbox.cli.boxes import add_box_option, ask_box
from selbox.cli.outputs import Output, file_or_standard_output, write_outputs
from selbox.cli.policyarguments import add_policy_arguments, policy_paths
from selbox.cli.progress import Progress
from selbox.cli.verb import Example, Manual, UsageError
from selbox.cli.written import Written
from selbox.diagnostics import Diagnostics, SelboxError
from selbox.typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from selbox.store.inputs import Input

MANUAL = Manual(
    description="""
Sets booleans of a policy to 1, true or on, or to 0, false or off; several are set together, or none of them.

Of a kernel policy that is given (with --policy, or in the variable SELBOX_POLICY) the defaults are changed, with
which it will be loaded: its file is replaced as a whole, or with -o another one is written and the file stays as it
is. The version of the format stays, and so does everything else, byte for byte, apart from the values and what the
file says of the conditions that depend on them. A file with the places of its rules beside it is brought along.

Without a policy the booleans of the system are set, as `setsebool` without -P does it: of the box that the command
runs in, or of a kernel with SELinux. They last until the policy is loaded anew. -P needs a policy that is given, for
which it changes nothing: there is no other place for values to last. -N and -V are understood and change nothing.

With --box those of a running box are set from outside, as its owner and root may.
""",
    examples=(
        Example("Switch one on:", "selbox setsebool --policy policy.33 httpd_enable_cgi on"),
        Example(
            "Write another policy with two other values:",
            "selbox setsebool --policy policy.33 -o mine.33 httpd_enable_cgi=0 ftpd_full_access=1",
        ),
        Example("In a box, until it ends:", "selbox run --policy my.cil -- selbox setsebool night 1"),
        Example("Of a box that is running, from outside:", "selbox setsebool --box web httpd_enable_cgi=on"),
    ),
    exit_statuses=(
        ("0", "success"),
        ("255", "a boolean or value is wrong, or the policy cannot be read or written"),
        ("1", "the command line is wrong, or --help was asked for"),
    ),
)

_ON = frozenset({"1", "true", "on"})
_OFF = frozenset({"0", "false", "off"})


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``setsebool``, and those that name a policy and an output."""
    add_policy_arguments(parser)
    add_box_option(parser)
    parser.add_argument("-o", dest="output", metavar="FILE", help="write the policy to FILE; - is standard output")
    parser.add_argument("-P", action="store_true", dest="permanent", help="change the policy, not the system")
    parser.add_argument("-N", action="store_true", help="do not load the policy into the system: it never is")
    parser.add_argument("-V", action="store_true", help="say all that goes wrong: that is always so")
    parser.add_argument(
        "words", nargs="+", metavar="boolean[=value]", help="`boolean value`, or `bool1=val1 bool2=val2 …`"
    )


def run(arguments: "Namespace") -> Written:
    """Set them."""
    values = _values(_pairs(arguments.words))
    if arguments.box is not None:
        return _in_box(values, arguments)
    paths = policy_paths(arguments)
    if paths:
        return _in_policy(paths, values, arguments)
    if arguments.output is not None:
        raise UsageError.of("usage", "-o writes a policy, and none is given", help="name it with --policy")
    from selbox.cli.answerers import answers
    from selbox.userspace.selinuxfs import SystemAnswers

    system = answers(None)
    if arguments.permanent or not isinstance(system, SystemAnswers):
        raise SelboxError.of(
            "no-policy", "-P changes a policy, and none is given", help="name it with --policy, or leave out -P"
        )
    system.set_booleans(values)
    return Written({"booleans": values}, ())


def _in_box(values: Mapping[str, bool], arguments: "Namespace") -> Written:
    if arguments.policy or arguments.permanent or arguments.output is not None:
        raise UsageError.of("usage", "--box changes a running box, and no policy", help="leave out --policy, -P and -o")
    ask_box(arguments.box, "setbooleans", {}, values=values)
    return Written({"booleans": values}, ())


def _pairs(words: Sequence[str]) -> list[str]:
    """Return ``name=value`` for each boolean. Source: ``main`` of setsebool: the first word decides about the form."""
    if "=" in words[0]:
        return list(words)
    if len(words) != 2:
        raise UsageError.of(
            "usage", "give one boolean and its value, or bool1=val1 bool2=val2 …", help="selbox setsebool night on"
        )
    return ["=".join(words)]


def _values(pairs: Sequence[str]) -> dict[str, bool]:
    values: dict[str, bool] = {}
    for pair in pairs:
        name, sign, word = pair.partition("=")
        if not sign:
            raise SelboxError.of("boolean-value", f"`=` not found in boolean expression `{pair}`", help=f"{pair}=on")
        if word.lower() not in _ON | _OFF:
            raise SelboxError.of(
                "boolean-value",
                f"illegal value `{word}` for boolean `{name}`",
                help="write on, off, true, false, 1 or 0",
            )
        values[name] = word.lower() in _ON
    return values


def _in_policy(paths: Sequence[str], values: Mapping[str, bool], arguments: "Namespace") -> Written:
    from selbox.store.booleandefaults import places_for, with_boolean_defaults
    from selbox.store.inputs import ORIGINS_ENDING, read_inputs
    from selbox.store.policyfiles import sole_kernel_policy

    diagnostics = Diagnostics()
    with Progress() as progress:
        progress.stage("reading the policy")
        given = sole_kernel_policy(read_inputs(paths, diagnostics))
        if given is None:
            raise SelboxError.of(
                "file-wrong-format",
                f"`{paths[0]}` is no kernel policy, and booleans of no other can be set",
                help="write it with `selbox compile`, or change the value in its `boolean` statement",
            )
        if arguments.output is None:
            _check_replaceable(given)
        target = given.name if arguments.output is None else file_or_standard_output(arguments.output)
        binary = with_boolean_defaults(given, values, diagnostics)
        outputs = [Output(target, binary)]
        places = places_for(given, binary, diagnostics)
        if places is not None and (os.path.isfile(target) or not os.path.exists(target)):
            outputs.append(Output(target + ORIGINS_ENDING, places))
        progress.stage("writing the policy")
        write_outputs(outputs)
    return Written({"outputs": [each.path for each in outputs], "booleans": dict(values)}, tuple(diagnostics.warnings))


def _check_replaceable(given: "Input") -> None:
    """Refuse to put an unpacked policy in the place of a compressed one."""
    with open(given.name, "rb") as file:
        packed = file.read(4) != given.content[:4]
    if packed:
        raise SelboxError.of(
            "file-wrong-format",
            f"`{given.name}` is compressed, and would not be any more",
            help="name another file with -o",
        )
