"""Random small policies about processes and programs, as CIL: for comparing searches for paths."""

from random import Random

DOMAINS = tuple(f"d{number}_t" for number in range(7))
FILES = tuple(f"f{number}_t" for number in range(6))
ATTRIBUTES = ("domain", "entry_type", "file_type", "mixed")
BOOLEANS = ("one", "two")
PROCESS = ("transition", "dyntransition", "setexec", "setcurrent", "signal", "ptrace", "sigchld")
FILE = ("read", "write", "execute", "entrypoint", "getattr", "append", "open")

PREAMBLE = """\
(handleunknown deny)(mls false)
(class process (transition dyntransition setexec setcurrent signal ptrace sigchld))
(class file (read write execute entrypoint getattr append open))
(classorder (process file))
(sid kernel)(sidorder (kernel))(sensitivity s0)(sensitivityorder (s0))
(role object_r)(role r)(user u)(userrole u r)(userrole u object_r)(userlevel u (s0))(userrange u ((s0) (s0)))
(sidcontext kernel (u r d0_t ((s0) (s0))))
"""


def flow_policy(seed: int) -> str:
    """Return a policy, always the same for the same seed."""
    random = Random(seed)  # noqa: S311 - nothing here is secret
    lines = [PREAMBLE]
    lines += [f"(type {each})(roletype r {each})" for each in DOMAINS + FILES]
    lines += [f"(boolean {each} {random.choice(('true', 'false'))})" for each in BOOLEANS]
    for each in ATTRIBUTES:
        names = {"domain": DOMAINS, "entry_type": FILES, "file_type": FILES, "mixed": DOMAINS + FILES}[each]
        chosen = random.sample(names, random.randint(1, len(names) - 1))
        lines.append(f"(typeattribute {each})(typeattributeset {each} ({' '.join(chosen)}))")
    rules = [_rule(random) for _ in range(random.randint(15, 45))]
    rules += [f"(allow {random.choice(DOMAINS)} self (process ({random.choice(PROCESS[2:4])})))" for _ in range(3)]
    lines += dict.fromkeys(rules)
    asked = {(random.choice(DOMAINS), random.choice(FILES)) for _ in range(8)}
    lines += [f"(typetransition {source} {file} process {random.choice(DOMAINS)})" for source, file in sorted(asked)]
    for each in BOOLEANS:
        # SETools leaves a rule that is off where it applies both ways round, between the types of an attribute.
        on, off = (" ".join(dict.fromkeys(_rule(random, DOMAINS) for _ in range(4))) for _ in range(2))
        lines.append(f"(booleanif {each} (true {on}) (false {off}))")
    return "\n".join(lines)


def _rule(random: Random, sources: tuple[str, ...] = (*DOMAINS, "domain", "mixed")) -> str:
    source = random.choice(sources)
    if random.random() < 0.5:
        target = random.choice((*DOMAINS, "domain", "mixed"))
        return f"(allow {source} {target} (process ({_some(random, PROCESS)})))"
    target = random.choice((*FILES, "entry_type", "file_type", "mixed"))
    return f"(allow {source} {target} (file ({_some(random, FILE)})))"


def _some(random: Random, names: tuple[str, ...]) -> str:
    return " ".join(random.sample(names, random.randint(1, 3)))
