"""Tries logs: bytes to accesses and events, those to causes, rules, advice and what a person reads."""

import sys
from random import Random

from common import Harness, instrumented, main

with instrumented():
    from selbox.analysis.advice import Advisor
    from selbox.analysis.denials import Denials, advised
    from selbox.analysis.deniedrules import DeniedRule, DeniedRules
    from selbox.audit.accesslines import AccessLine
    from selbox.audit.details import details
    from selbox.audit.events import CompanionLine, Events
    from selbox.audit.logreader import EventLine, LogReader
    from selbox.cli.audit2allowtext import RuleStyle, Written, rules_text
    from selbox.cli.audit2whytext import WhyTexts, constraint_lines
    from selbox.cli.denialstext import denials_text
    from selbox.cli.terminal import Terminal
    from selbox.compiler.compile import compile_policy
    from selbox.diagnostics import SourceFile
    from selbox.explain.forbidden import ForbiddenAccesses
    from selbox.explain.loggedcauses import LoggedCauses
    from selbox.language.cil import parse
    from selbox.server.securityserver import SecurityServer

POLICY = """\
(handleunknown deny) (mls true)
(class file (read write open ioctl)) (class dir (search)) (class process (transition)) (class tcp_socket (name_bind))
(classorder (file dir process tcp_socket)) (sid kernel) (sidorder (kernel)) (sensitivity s0) (sensitivityorder (s0))
(category c0) (category c1) (categoryorder (c0 c1)) (sensitivitycategory s0 (c0 c1))
(role object_r) (role r) (role q) (user u) (userrole u r) (userrole u q) (userrole u object_r) (userlevel u (s0))
(userrange u ((s0) (s0 (c0 c1)))) (type a_t) (type b_t) (type default_t) (type port_t) (roletype r a_t) (roletype q a_t)
(sidcontext kernel (u r a_t ((s0) (s0)))) (boolean flag false)
(allow a_t b_t (file (read ioctl))) (allowx a_t b_t (ioctl file (0x1234))) (allow a_t a_t (process (transition)))
(booleanif flag (true (allow a_t b_t (file (write))))) (dontaudit a_t default_t (file (read)))
(mlsconstrain (file (read write)) (dom l1 l2)) (portcon tcp 80 (u object_r port_t ((s0) (s0))))
"""

WORDS = (
    b"type=AVC msg=audit(1700000000.123:45): avc:  denied  { read write } for  pid=7 ",
    b"type=USER_AVC msg=audit(1.0:2): pid=1 msg='avc:  denied  { search } for  ",
    b"audit: type=1400 audit(1.000:3): avc: denied { ioctl } for ",
    b"scontext=u:r:a_t:s0 tcontext=u:object_r:b_t:s0 tclass=file permissive=0\n",
    b"scontext=u:r:a_t:s0 tcontext=u:object_r:b_t:s0:c0.c1 tclass=file permissive=1\n",
    b"scontext=u:r:a_t:s0 tcontext=u:q:a_t:s0 tclass=process\n",
    b'scontext=u:r:a_t:s0 tcontext=u:object_r:default_t:s0 tclass=dir exe="/x" terminal=?\'\n',
    b"scontext=u:r:a_t:s0 tcontext=u:object_r:default_t:s0 tclass=tcp_socket\n",
    b"ioctlcmd=0x1235 ",
    b'comm="x" path="/a/b" ino=3 ',
    b"comm=612062 name=2F00FF ",
    b"src=8080 ",
    b'type=PATH msg=audit(1700000000.123:45): item=0 name="/a" inode=3\n',
    b'type=CWD msg=audit(1700000000.123:45): cwd="/"\n',
    b"type=SELINUX_ERR msg=audit(1.0:2): op=security_compute_sid invalid_context=u:r:x_t:s0\n",
    b"security_compute_sid:  invalid context u:r:y_t:s0 for \n",
    b"type=MAC_STATUS msg=audit(1.0:2): enforcing=0\n",
    b'{"MESSAGE":"AVC avc:  denied  { read } for ","_AUDIT_TYPE_NAME":"AVC","_AUDIT_ID":"3"}\n',
    b"{ ",
    b" }",
    b"\x1d",
    b"\n",
    b"avc: ",
)

_SERVER = SecurityServer(compile_policy([parse(SourceFile("p.cil", POLICY))]))
_PLAIN = Terminal(colour=False, width=80)


def run(content: bytes) -> None:
    """Read a log, whole and line by line, and do with it all that commands do.

    Raises:
        AssertionError: when something does not hold.
    """
    text = content.decode("utf-8", "surrogateescape")
    reader, single = LogReader(companions=True), LogReader(companions=True)
    found = reader.read(text)
    one_by_one = [each for line in text.split("\n") for each in single.read(f"{line}\n")]
    assert one_by_one == found, "a block says the same as its lines"
    assert reader.accesses == sum(isinstance(each, AccessLine) for each in found)
    lines = [each for each in found if isinstance(each, AccessLine)]
    for each in lines:
        assert each.access.permissions
        details(each.text)
    causes = LoggedCauses(_SERVER).find([each.access for each in lines])
    events, rules, denials = Events(), DeniedRules(20), Denials(lambda line: events.facts(line))
    for each in (*rules.add(lines, causes), *denials.add(lines, causes)):
        events.want(each)
    events.add(each for each in found if isinstance(each, CompanionLine))
    "".join(WhyTexts(_SERVER, str).texts(lines, causes))
    advisor = Advisor(_SERVER, lambda path, _: f"u:object_r:b_t:s0{path[:0]}", events.facts)
    called_for = rules.rules()
    advisor.look_over(called_for)
    forbidden = ForbiddenAccesses(_SERVER)

    def forbidding(rule: DeniedRule) -> list[str]:
        return constraint_lines(forbidden.tell(rule.cause.access)) if rule.cause.access is not None else []

    written = Written(called_for, (), lambda _: (), advisor.of, forbidding)
    for cil in (False, True):
        rules_text(written, RuleStyle(cil=cil, numbers=True, requires=True, module="m", explanation=2))
    ready = denials.denials()
    happened = [each for each in found if isinstance(each, EventLine)]
    shown = denials_text(advised(ready, advisor.of), happened, 20, _PLAIN)
    assert all(line.isprintable() for line in shown.split("\n")), "nothing in a log moves the cursor"


def mutate(content: bytes, number: int, most: int) -> bytes:
    """Put pieces of records together, cut them, and double parts."""
    random = Random(number)  # noqa: S311 - to vary inputs, not to keep a secret
    changed = bytearray(content)
    for _ in range(random.choice((1, 2, 3, 5))):
        place = random.randrange(len(changed) + 1)
        match random.randrange(4):
            case 0:
                del changed[place : place + random.choice((1, 2, 8, 40))]
            case 1:
                changed[place:place] = changed[max(0, place - 60) : place]
            case _:
                changed[place:place] = random.choice(WORDS)
    return bytes(changed[:most])


HARNESS = Harness("log", run, 4096, WORDS, mutate)

if __name__ == "__main__":
    sys.exit(main(HARNESS, sys.argv[1:]))
