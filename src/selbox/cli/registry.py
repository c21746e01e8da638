"""The verbs that there are, known without importing any of them, so that no verb pays for another's imports."""

from selbox.typing import NamedTuple


class Statuses(NamedTuple):
    """Exit statuses of a verb where no result says one.

    Verbs that go by a name people know end as the program of that name does.

    Attributes:
        failure: for a failure.
        usage: for a wrong command line.
        help: for ``--help``.
    """

    failure: int = 1
    usage: int = 2
    help: int = 0


class Entry(NamedTuple):
    """One verb.

    Attributes:
        summary: one line without a final full stop; the NAME section of its manual and the overview show it.
        takes_command: whether ``-- COMMAND…`` ends its arguments. Standard output then belongs to the command, and
            the verb's own result goes to standard error.
        aside: whether its own result goes to standard error also where no command is taken.
        statuses: how it ends when it fails.
        abbreviates: whether long options may be cut short as far as they stay distinct, as GNU's getopt_long allows.
        tabular: whether its result can be written as a table, with ``--csv``.
        known: whether it goes by the name of a program that people know, and can be a command of its own
            (``install-links``).
    """

    summary: str
    takes_command: bool = False
    statuses: Statuses = Statuses()
    abbreviates: bool = False
    tabular: bool = False
    known: bool = False
    aside: bool = False


# INVARIANT: a verb NAME is the module selbox.cli.verbs.NAME, with "-" written "_".
VERBS: dict[str, Entry] = {
    "run": Entry("run programs in a box, under a policy", takes_command=True),
    "shell": Entry("open a shell in a box, under a policy", aside=True),
    "ps": Entry("show the running boxes and their processes, with security contexts", tabular=True),
    "inspect": Entry("look into a running box: its processes, its cache, its denials as they come"),
    "getenforce": Entry(
        "say whether a box, or the system, enforces, as getenforce does", statuses=Statuses(2, 2, 2), known=True
    ),
    "setenforce": Entry(
        "have a box, or the system, enforce or only record, as setenforce does", statuses=Statuses(1, 1, 1), known=True
    ),
    "why": Entry("tell why an access is allowed or denied, and what would allow it"),
    "check": Entry("compile a policy and say what it holds"),
    "test": Entry("hold a policy against what is expected of it"),
    "compile": Entry("compile CIL and module packages to a kernel policy"),
    "secilc": Entry(
        "compile CIL to a kernel policy, as secilc does", statuses=Statuses(255, 1, 1), abbreviates=True, known=True
    ),
    "pp": Entry(
        "translate a module package to CIL, as pp does", statuses=Statuses(255, 1, 0), abbreviates=True, known=True
    ),
    "checkpolicy": Entry(
        "read a kernel policy and write it as CIL, as text or in another version, as checkpolicy does",
        statuses=Statuses(1, 1, 1),
        abbreviates=True,
        known=True,
    ),
    "semodule_unpackage": Entry(
        "take a module package apart, as semodule_unpackage does",
        statuses=Statuses(1, 1, 1),
        abbreviates=True,
        known=True,
    ),
    "semodule_package": Entry(
        "put a module into a package, as semodule_package does",
        statuses=Statuses(1, 1, 1),
        abbreviates=True,
        known=True,
    ),
    "compute_av": Entry(
        "say what a context may do with another, as compute_av does", statuses=Statuses(1, 1, 1), known=True
    ),
    "compute_create": Entry(
        "say which context a new object gets, as compute_create does", statuses=Statuses(1, 1, 1), known=True
    ),
    "compute_relabel": Entry(
        "say which context an object is relabelled to, as compute_relabel does", statuses=Statuses(1, 1, 1), known=True
    ),
    "compute_member": Entry(
        "say which context a member of an object gets, as compute_member does", statuses=Statuses(1, 1, 1), known=True
    ),
    "getsebool": Entry("show the booleans of a policy, as getsebool does", statuses=Statuses(1, 1, 1), known=True),
    "setsebool": Entry("set booleans of a policy, as setsebool does", statuses=Statuses(255, 1, 1), known=True),
    "selinuxexeccon": Entry(
        "say which context a program would run in, as selinuxexeccon does", statuses=Statuses(255, 255, 255), known=True
    ),
    "denials": Entry("say what the denials of a log come to, and what to do about them", tabular=True),
    "audit2why": Entry(
        "say what denied each access of a log, as audit2why does",
        statuses=Statuses(1, 2, 0),
        abbreviates=True,
        known=True,
    ),
    "audit2allow": Entry(
        "write the rules that a log calls for, as audit2allow does",
        statuses=Statuses(1, 2, 0),
        abbreviates=True,
        known=True,
    ),
    "seinfo": Entry("tell what a policy holds, as seinfo does", abbreviates=True, tabular=True, known=True),
    "sesearch": Entry("search the rules of a policy, as sesearch does", abbreviates=True, tabular=True, known=True),
    "sedta": Entry("search domain transitions, as sedta does", abbreviates=True, tabular=True, known=True),
    "seinfoflow": Entry("search information flow, as seinfoflow does", abbreviates=True, tabular=True, known=True),
    "sediff": Entry(
        "show what differs between two policies, as sediff does",
        statuses=Statuses(2, 2, 0),
        abbreviates=True,
        tabular=True,
        known=True,
    ),
    "sechecker": Entry(
        "hold a policy against a configuration of checks, as sechecker does",
        statuses=Statuses(3, 2, 0),
        abbreviates=True,
        tabular=True,
        known=True,
    ),
    "install-links": Entry("make commands of the verbs that go by names that people know"),
    "decide": Entry("answer many questions to a policy, as the kernel does"),
    "coverage": Entry("list the operations that a box mediates, and how"),
}
"""Verb name to entry, in the order of the overview."""
