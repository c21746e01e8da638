"""What newer programs say than most systems have: recorded, so that every machine can compare.

Each source of :data:`SOURCES`, after :data:`tests.compiler.policies.BASE`, is compiled by ``secilc`` to a binary, and
that is written as text by ``checkpolicy``. In ``tests/oracles/recorded`` there are binaries (``NAME.policy``), their
text in CIL (``NAME.cil``) and in the policy language (``NAME.conf``), as SELinux 3.11 makes them. To record them again,
after a change or with a later version::

    python -m tests.oracles.newer SECILC CHECKPOLICY
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from tests.compiler.policies import BASE

RECORDED: Final = Path(__file__).parent / "recorded"


class Source(NamedTuple):
    """Statements that are added to the base, and the version of the binary that they become."""

    version: int
    text: str


_NETLINK = "(class netlink_route_socket (nlmsg nlmsg_read)) (classorder (unordered netlink_route_socket))"

SOURCES: Final = {
    "deny": Source(
        33,
        """
        (allow a both (file (read write open))) (deny a c (file (write)))
        (typeattribute some) (typeattributeset some (a b c))
        (allow some some (socket (connect listen))) (deny some self (socket (listen)))
        (allow domain filetype (dir (search add_name))) (deny a c (dir (add_name))) (deny b d (dir (search)))
        (allow b filetype (file (all))) (deny b d (file (all)))
        """,
    ),
    "deny-conditional": Source(
        33,
        """
        (boolean on false)
        (booleanif on (true (allow domain filetype (file (read write)))) (false (allow a c (file (read)))))
        (deny a c (file (write))) (deny b filetype (file (read)))
        """,
    ),
    "deny-sets": Source(
        33,
        """
        (classmap things (use)) (classmapping things use (socket (connect listen)))
        (classmapping things use (dir (search))) (classpermission cp) (classpermissionset cp (socket (listen)))
        (allow a b (things (use))) (deny a b cp) (allow b filetype (things (use))) (deny b c (dir (all)))
        """,
    ),
    "notself": Source(
        33,
        """
        (allow domain notself (process (sigkill))) (allow domain other (process (fork)))
        (allow a self (socket (connect))) (neverallow filetype notself (process (transition)))
        (allow both other (socket (listen))) (deny a notself (socket (listen)))
        """,
    ),
    "conditional-numbers": Source(
        34,
        """
        (boolean on true) (boolean off false)
        (allow a filetype (file (ioctl)))
        (booleanif on
            (true (allowx a c (ioctl file (0x1234 (range 0x5400 0x54ff)))) (allow a b (file (ioctl))))
            (false (dontauditx a c (ioctl file ((not (range 0x10 0x20)))))))
        (booleanif (and on off) (true (auditallowx domain filetype (ioctl file ((range 0x0 0x1ff))))))
        """,
    ),
    "messages": Source(
        33,
        _NETLINK
        + """
        (allow domain self (netlink_route_socket (nlmsg)))
        (allowx domain self (nlmsg netlink_route_socket ((range 0x10 0x20) 0x1ff)))
        (allowx a a (nlmsg netlink_route_socket (0x44)))
        (dontauditx b self (nlmsg netlink_route_socket ((range 0x0 0xff))))
        """,
    ),
    "messages-conditional": Source(
        34,
        _NETLINK
        + """
        (boolean on true)
        (booleanif on (true (allow a self (netlink_route_socket (nlmsg)))
                            (allowx a self (nlmsg netlink_route_socket ((range 0x10 0x1f))))))
        """,
    ),
    "neveraudit": Source(
        35,
        """
        (typeneveraudit b) (typepermissive a) (typeneveraudit domain2) (type domain2)
        (allow a c (file (read))) (auditallow b c (file (read)))
        """,
    ),
    "everything-newer": Source(
        35,
        _NETLINK
        + """
        (boolean on true) (typeneveraudit a)
        (booleanif on (true (allowx domain c (ioctl file (0x1 0x2)))
                            (allowx a self (nlmsg netlink_route_socket (0x3)))))
        (allow domain filetype (file (ioctl read))) (deny b d (file (read)))
        (policycap netlink_xperm) (policycap userspace_initial_context)
        """,
    ),
    "calls-in-a-condition": Source(
        33,
        """
        (boolean on true)
        (macro first ((type x)) (allow x c (file (read))) (call second (x)))
        (macro second ((type x)) (allow x c (file (write))) (typetransition x c file d))
        (booleanif on (true (allow a d (file (open))) (call first (a)) (allow b d (file (read))) (call second (b))
                            (allow b d (file (write))) (call first (b))))
        """,
    ),
}


def complete(name: str) -> str:
    """Return the whole source of that name."""
    return f"{BASE}(mlsconstrain (socket (connect)) (dom h1 h2))\n{SOURCES[name].text}"


def record(secilc: str, checkpolicy: str) -> None:
    """Compile all sources, and keep what comes of them."""
    RECORDED.mkdir(exist_ok=True)
    for each in RECORDED.iterdir():
        each.unlink()
    with tempfile.TemporaryDirectory() as directory:
        for name, source in SOURCES.items():
            (Path(directory) / "source.cil").write_text(complete(name))
            binary = RECORDED / f"{name}.policy"
            for command in (
                [secilc, "-c", str(source.version), "-o", str(binary), "-f", "/dev/null", "source.cil"],
                [checkpolicy, "-b", "-M", "-C", "-o", str(RECORDED / f"{name}.cil"), str(binary)],
                [checkpolicy, "-b", "-M", "-F", "-o", str(RECORDED / f"{name}.conf"), str(binary)],
            ):
                subprocess.run(command, cwd=directory, check=True)


if __name__ == "__main__":
    record(*sys.argv[1:])
