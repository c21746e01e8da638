"""``selbox shell``: an interactive shell in a box."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from selbox.cli.boxstart import RunResult, add_box_arguments, is_watched, prepared_box, ran
from selbox.cli.terminal import BOLD, DIM, GREEN, YELLOW, Terminal
from selbox.cli.verb import Example, Manual
from selbox.typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from selbox.enforce.run import RunOptions
    from selbox.model.policy import Policy
    from selbox.store.selinuxroot import SelinuxRoot

MANUAL = Manual(
    description="""
Opens a shell in a box: the one that $SHELL names, else bash or sh. It has the terminal with job control as ever; bash
shows its type before the prompt. What is denied is shown as it comes: above the line that is being typed, not into
it, and not while a program has the whole screen. The box ends with the shell, and with it what still runs there.

All options of `selbox run` are understood. Without --context, --domain, --from and --as-init, under a policy like a
distribution's, the shell has the context that a login on the console gets: by `seusers` and `default_contexts` of
--selinux-root, else by the reference policy's usual users, such as unconfined_u:unconfined_r:unconfined_t. Under other
policies it starts as `selbox run` does.

The variable SELBOX_BOX holds the name of the box, where it has one, for a prompt of your own. From another terminal
`selbox inspect` looks into the box, and `selbox setenforce` changes its mode.
""",
    examples=(
        Example("A shell under the base policy, and one in a domain of your own:", "selbox shell"),
        Example("In a domain of your own:", "selbox shell --policy cat.cil --domain cat_t"),
        Example(
            "As somebody who logs in under a distribution's policy, with nothing denied yet:",
            "selbox shell --permissive --selinux-root /etc/selinux/default",
        ),
    ),
    exit_statuses=(
        ("N", "the shell's own status; 128 and the number of the signal that ended it"),
        ("1", "nothing was started: the policy, a context or the machine does not allow it"),
    ),
)

_PLAIN_SHELLS: Final = frozenset({"sh", "dash", "ksh", "mksh"})
"""Shells that take their prompt from the environment."""

_NO_SHELLS: Final = frozenset({"nologin", "false"})
_BASH_STARTS: Final = r"""exec {descriptor}<&-
[ -r ~/.bashrc ] && . ~/.bashrc
_selbox() {{ IFS=: read -r -d '' _ _ _selbox_type _ </proc/self/attr/current; }} 2>/dev/null
_selbox
PS1="\[\e[36m\]({name}${{_selbox_type%%[[:cntrl:]]*}})\[\e[0m\] ${{PS1:-\$ }}"
unset _selbox_type; unset -f _selbox
"""
"""What bash reads when it starts, after what is for all users: the user's own, then the prompt."""


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``selbox shell``."""
    add_box_arguments(parser)


def run(arguments: "Namespace") -> RunResult:
    """Run the shell."""
    box = prepared_box(arguments, (_shell(),))
    options = box.options
    if not (options.context or options.domain or options.starter or options.as_init):
        options = options._replace(context=_login_context(box.policy, options.selinux_root))
    environment = {**os.environ, "SELBOX_BOX": options.name}
    if os.path.basename(options.command[0]) == "bash" and os.isatty(0):
        descriptor = _bash_starts(options.name)
        options = options._replace(command=(*options.command, "--rcfile", f"/dev/fd/{descriptor}", "-i"))
    elif os.path.basename(options.command[0]) in _PLAIN_SHELLS:
        environment["PS1"] = f"({options.name or 'selbox'}) $ "
    options = options._replace(environment=environment)
    if is_watched() and not arguments.quiet and not arguments.json:
        _greet(options, Terminal.of(sys.stderr, os.environ))
    with _terminal_given_back():
        return ran(box._replace(options=options), arguments)


def _shell() -> str:
    """Return the shell of whoever runs this, as a path or a name on ``PATH``."""
    import pwd

    wanted = [os.environ.get("SHELL", "")]
    with suppress(KeyError):  # a user without an entry has no shell of its own
        wanted.append(pwd.getpwuid(os.geteuid()).pw_shell)
    for each in (*wanted, "/bin/bash"):
        if os.path.basename(each) not in _NO_SHELLS and os.path.isabs(each) and os.access(each, os.X_OK):
            return each
    return "/bin/sh"


def _login_context(policy: "Policy", root: "SelinuxRoot | None") -> str | None:
    import pwd

    from selbox.server.securityserver import SecurityServer
    from selbox.store.logincontexts import login_context

    try:
        login = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        login = ""
    return login_context(SecurityServer(policy), root, login)


def _bash_starts(name: str) -> int:
    """Return a pipe that holds what bash reads when it starts; it does not depend on files that the box may read."""
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)
    text = _BASH_STARTS.format(descriptor=reading, name=f"{name} " if name else "")
    os.write(writing, text.encode())
    os.close(writing)
    return reading


def _greet(options: "RunOptions", terminal: Terminal) -> None:
    """Say what box this is, before the shell says anything."""
    mode = terminal.paint("enforcing", GREEN) if options.enforcing else terminal.paint("permissive", YELLOW)
    context = options.context or options.domain
    place = f" in {context}" if context else ", and `id -Z` tells its context"
    name = options.name or str(os.getpid())
    lines = (
        f"{terminal.paint(f'selbox: box {name}', BOLD)}, {mode}: {os.path.basename(options.command[0])}{place}",
        terminal.paint(f"        `exit` ends it; from another terminal: selbox inspect {name} --follow", DIM),
    )
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()


@contextmanager
def _terminal_given_back() -> Iterator[None]:
    """Have the terminal back at the end as it was, also from a shell that was killed."""
    import signal
    import termios

    try:
        attributes = termios.tcgetattr(0)
        is_ours = os.tcgetpgrp(0) == os.getpgrp()
    except (OSError, termios.error):
        yield
        return
    try:
        yield
    finally:
        if is_ours:
            old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
            with suppress(OSError, termios.error):
                os.tcsetpgrp(0, os.getpgrp())
                termios.tcsetattr(0, termios.TCSADRAIN, attributes)
            signal.pthread_sigmask(signal.SIG_SETMASK, old)
