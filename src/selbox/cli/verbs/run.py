"""``selbox run``: run an unmodified program tree under a policy."""

from selbox.cli.boxstart import RunResult, add_box_arguments, prepared_box, ran
from selbox.cli.verb import Example, Manual
from selbox.typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

MANUAL = Manual(
    description="""
Runs a program, and everything that it starts, in a box: each process has a security context, and what it does to files,
programs, sockets, IPC objects and other processes is decided by the policy, as a kernel with SELinux would. Neither
root nor a kernel with SELinux is needed. `selbox coverage` lists what is mediated, and what is not.

The policy is the base policy of selbox and the files given with --policy: CIL and module packages, as they are or
compressed; or one kernel policy, which stands alone. A context of the first program that is given, with --context or
--domain, must be valid, and needs no transition rule. Otherwise the program takes whatever transition the policy has
for it, from the context that --from names, from init's with --as-init, else from that of the initial SID kernel.

When the first program has ended, what is left of the box is ended too, and what was denied is summed up on standard
error.
""",
    examples=(
        Example("A shell whose every process runs in the domain that the base policy gives it:", "selbox run -- bash"),
        Example(
            "A program in a domain of your own policy:",
            "selbox run --policy cat.cil --domain cat_t -- /bin/cat food",
        ),
        Example(
            "A policy that is compiled already:",
            "selbox run --policy my.policy --file-contexts my.file_contexts --domain my_t -- ./server",
        ),
        Example(
            "A service as init starts it, under the policy of a distribution:",
            "selbox run --policy policy.33 --file-contexts file_contexts --as-init -- nginx -g 'daemon off;'",
        ),
        Example(
            "A distribution's policy, with its file contexts and what SELinux-aware programs read in /etc/selinux:",
            "selbox run --selinux-root /etc/selinux/default "
            "--context unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023 -- bash",
        ),
        Example(
            "See what a policy would deny, and keep the records:",
            "selbox run --policy my.cil --domain my_t --permissive --audit audit.log -- ./server",
        ),
        Example(
            "Give files a label for this run:",
            "selbox run --policy my.cil --domain my_t --label data=system_u:object_r:my_data_t:s0 -- ./server",
        ),
    ),
    exit_statuses=(
        ("N", "the program's own status; 128 and the number of the signal that ended it"),
        ("1", "nothing was started: the policy, a context or the machine does not allow it"),
    ),
)


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``selbox run``."""
    add_box_arguments(parser)


def run(arguments: "Namespace") -> RunResult:
    """Run the box."""
    return ran(prepared_box(arguments, tuple(arguments.command)), arguments)
