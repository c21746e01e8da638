"""What to do about denials: the label, the port or the boolean that is wrong, and what a rule should not grant blindly.

Whatever is said to allow an access, the security server has allowed with that change made.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from selbox.analysis.deniedrules import SELF, DeniedRule
from selbox.analysis.labelguesses import NO_LABEL, OF_HOMES, VAGUE, WITHOUT_LABEL, LabelGuesses
from selbox.analysis.perils import Perils
from selbox.audit.accesslines import AccessLine
from selbox.audit.details import AccessDetails, details
from selbox.audit.events import EventFacts
from selbox.explain.answer import BooleanValue
from selbox.explain.forbidden import ForbiddenAccesses
from selbox.model.context import Context
from selbox.server.causes import CauseFinder, CauseKind
from selbox.server.evaluation import Access
from selbox.server.labelling import port_context
from selbox.server.securityserver import SecurityServer
from selbox.typing import Final, NamedTuple

FILE_CLASSES: Final = frozenset({"file", "dir", "lnk_file", "chr_file", "blk_file", "sock_file", "fifo_file"})
_PROTOCOLS: Final = {"tcp_socket": "tcp", "udp_socket": "udp", "dccp_socket": "dccp", "sctp_socket": "sctp"}
_KNOWN_CLASSES: Final = FILE_CLASSES | _PROTOCOLS.keys()
_PORTS: Final = {"name_bind": "src", "name_connect": "dest"}
_WITHOUT_DOMAIN: Final = frozenset({"initrc_t", "unconfined_service_t", "kernel_t"})
"""Types of processes that were started without a domain of their own."""
FORBIDDEN: Final = frozenset({CauseKind.CONSTRAINT, CauseKind.ROLE, CauseKind.BOUNDS})
"""Causes that no allow rule between the two types helps against."""
_NARROW: Final = 64
"""Ports in a range that says what they are for; a type of a wider one says little."""
_WRITING: Final = frozenset({"write", "append", "add_name", "create", "setattr", "unlink", "remove_name", "rename"})
_RELABELLED: Final = _WRITING | {"execute", "execmod"}
"""Permissions that a label like the object's own may give."""
_MOST_CHOICES: Final = 3
_MOST_PATHS: Final = 3
_MOST_TRIED: Final = 20
_MOST_ASKED: Final = 200
"""Rules about which the server is asked what else would allow them; each takes some milliseconds."""

EventFactsOf = Callable[[AccessLine], EventFacts]
"""Returns what the other records of a line's event say."""

FileLabel = Callable[[str, str], str | None]
"""Returns the context that file contexts give a path of an object's class; None where they give none."""


class Advice(NamedTuple):
    """One piece of advice.

    Attributes:
        kind: ``label``, ``port``, ``boolean``, ``domain``, ``constraint`` or ``peril``.
        text: what is so.
        commands: what to type, where something can be; those that begin with ``#`` are to be filled in.
    """

    kind: str
    text: str
    commands: tuple[str, ...] = ()


class Advisor:
    """Gives advice on the rules that a log calls for.

    Args:
        server: decides.
        file_label: tells what label a path should have.
        facts: tells what other records of an event say.
    """

    def __init__(
        self, server: SecurityServer, file_label: FileLabel | None = None, facts: EventFactsOf | None = None
    ) -> None:
        self._facts = facts
        self._forbidden = ForbiddenAccesses(server)
        self._policy = server.policy
        self._finder: CauseFinder = server.cause_finder()
        self._perils = Perils(server.policy)
        self._guesses = LabelGuesses(server.policy, self._finder)
        self._file_label = file_label
        self._asked = 0
        self._tried = 0
        self._withheld: dict[int, tuple[Access, int]] = {}

    def look_over(self, rules: Sequence[DeniedRule]) -> None:
        """Find out at once which rules constraints would leave without effect; :meth:`of` tells it of them."""
        asked: list[tuple[DeniedRule, Access]] = []
        for rule in rules:
            access = rule.cause.access
            if access is not None and rule.kind in (CauseKind.RULE, CauseKind.DONTAUDIT):
                asked.append((rule, access))
        found = self._finder.withheld([access for _, access in asked])
        for (rule, access), withheld in zip(asked, found, strict=True):
            if withheld:
                self._withheld[id(rule)] = access, withheld

    def of(self, rule: DeniedRule) -> list[Advice]:
        """Return the advice on a rule: what serves better first, then what to think about."""
        kind, object_class = rule.kind, rule.object_class
        if kind is CauseKind.ALLOWED:
            return []
        if (
            object_class not in _KNOWN_CLASSES
            and kind not in FORBIDDEN
            and id(rule) not in self._withheld
            and rule.source not in _WITHOUT_DOMAIN
            and not self._perils.may_be(rule.target, object_class)
        ):
            return []  # so it is of most rules of a long log
        if kind in FORBIDDEN:
            return [*self._of_file(rule), *self._of_forbidden(rule)]
        target = rule.source if rule.target == SELF else rule.target
        found: list[Advice] = []
        if rule.object_class in FILE_CLASSES:
            found += self._of_file(rule)
        elif rule.object_class in _PROTOCOLS:
            found += self._of_port(rule)
        if rule.object_class in _KNOWN_CLASSES:
            found += self._of_booleans(rule)
        if rule.source in _WITHOUT_DOMAIN:
            found.append(_without_domain(rule))
        found += self._of_constraint(rule)
        perils = self._perils.of(rule.source, target, rule.object_class, rule.permissions)
        found += (Advice("peril", each) for each in perils)
        return found

    # --- Labels of files -------------------------------------------------------------------------------------------

    def _of_file(self, rule: DeniedRule) -> Iterator[Advice]:
        known = (self._path(each) for each in rule.examples)
        paths = list(dict.fromkeys(each for each in known if each.startswith("/")))[:_MOST_PATHS]
        wrong = False
        for path in paths:
            label = self._file_label(path, rule.object_class) if self._file_label else None
            parts = label.split(":", 3) if label else []
            if len(parts) > 2 and parts[2] not in (rule.target, *NO_LABEL):
                wrong = True
                helps = self._allows_label(rule, parts[2])
                yield Advice(
                    "label",
                    f"{_shown(path)} should have the label {parts[2]} by its path"
                    + (", which allows this" if helps else ", which does not allow this either"),
                    (f"restorecon -{'R' if rule.object_class == 'dir' else ''}v {_shown(path)}",),
                )
        if not wrong and rule.kind not in FORBIDDEN:
            yield from self._other_labels(rule, paths[0] if paths else "")

    def _path(self, line: AccessLine) -> str:
        path = details(line.text).path if "path=" in line.text else ""
        return path or (self._facts(line).path if self._facts is not None else "")

    def _other_labels(self, rule: DeniedRule, path: str) -> Iterator[Advice]:
        where, mark = (_shown(path), "") if path else ("PATH", "# ")
        relabel = f"{mark}restorecon -Rv {where}"
        if rule.target in WITHOUT_LABEL:
            yield Advice("label", f"{rule.target} stands for objects without a valid label", (relabel,))
            return
        is_vague = rule.target in VAGUE or (rule.target in OF_HOMES and rule.kind is not CauseKind.BOOLEAN)
        if not is_vague and _RELABELLED.isdisjoint(rule.permissions):
            return
        access = self._ask(rule)
        if access is None:
            return
        why, choices, booleans = self._choices(rule, access, path, is_vague=is_vague)
        if choices:
            pattern = f"{where.rstrip('/')}(/.*)?" if rule.object_class == "dir" else where
            settings = [self._settings([each]) for each in booleans]
            setting = f" and {_or(settings)}" if settings else ""
            yield Advice(
                "label",
                f"{rule.target} {why}; with the label {_or(choices)}{setting} this would be allowed",
                (
                    f"{mark}semanage fcontext -a -t {choices[0]} '{pattern}'",
                    relabel,
                    *(f"setsebool -P {each}" for each in settings[:1]),
                ),
            )

    def _choices(
        self, rule: DeniedRule, access: Access, path: str, *, is_vague: bool
    ) -> tuple[str, list[str], Sequence[tuple[int, bool]]]:
        """Return what is wrong with a label, those that would serve better, and booleans of which it takes one."""
        guesses = self._guesses
        if is_vague:
            return "says little about what an object is", guesses.for_vague(access, path), ()
        if "execmod" in rule.permissions:
            return "is not for libraries whose code is changed where it lies", guesses.relocated(access), ()
        if _WRITING.isdisjoint(rule.permissions):
            why, found, others = "is not for programs", list[str](), guesses.programs(access)
        else:
            why, found, others = (
                "is not meant to be written here",
                guesses.siblings(access, path),
                guesses.writable(access),
            )
        return (why, found, ()) if found else (why, *self._with_boolean(access, others))

    def _with_boolean(self, access: Access, types: Sequence[int]) -> tuple[list[str], Sequence[tuple[int, bool]]]:
        """Return the first of some types with which an access would be allowed, and booleans of which it takes one."""
        if types:
            asked = [access._replace(target=access.target._replace(type=each)) for each in types[:_MOST_TRIED]]
            for each, cause in zip(types, self._finder.find(asked), strict=False):
                if cause.kind in (CauseKind.ALLOWED, CauseKind.BOOLEAN):
                    return [self._policy.types[each].name], self._finder.narrowest(cause.booleans)[:_MOST_CHOICES]
        return [], ()

    def _settings(self, booleans: Iterable[tuple[int, bool]]) -> str:
        return " ".join(f"{self._policy.booleans[each].name}={int(value)}" for each, value in booleans)

    def _allows_label(self, rule: DeniedRule, label: str) -> bool:
        access = rule.cause.access
        type_id = self._policy.type_ids.get(label)
        if access is None or type_id is None:
            return False
        return self._allows(access, access.target._replace(type=type_id))

    def _allows(self, access: Access, target: Context) -> bool:
        (cause,) = self._finder.find([access._replace(target=target)])
        return cause.kind is CauseKind.ALLOWED

    def _ask(self, rule: DeniedRule) -> Access | None:
        """Return the access of a rule, unless the server has been asked too often."""
        self._asked += 1
        return rule.cause.access if self._asked <= _MOST_ASKED else None

    def narrowest(self, booleans: Sequence[BooleanValue]) -> tuple[BooleanValue, ...]:
        """Return booleans, those first whose rules are between the fewest types: the others allow more besides."""
        if len(booleans) < 2:
            return tuple(booleans)
        ids = {each.name: number for number, each in enumerate(self._policy.booleans)}
        ranked = self._finder.narrowest([(ids[name], value) for name, value in booleans])
        return tuple(BooleanValue(self._policy.booleans[each].name, value) for each, value in ranked)

    # --- Booleans --------------------------------------------------------------------------------------------------

    def _of_booleans(self, rule: DeniedRule) -> Iterator[Advice]:
        """Yield the booleans that would allow an access together, unless one of the source's own would alone."""
        stem = rule.source.partition("_")[0].removesuffix("d")
        access = rule.cause.access
        if access is None or any(stem in name for name, _ in rule.cause.booleans):
            return
        self._tried += 1
        found = self._finder.together(access) if self._tried <= _MOST_ASKED else []
        for booleans in found[:_MOST_CHOICES]:
            settings = self._settings(booleans)
            yield Advice("boolean", f"{settings} together would allow this", (f"setsebool -P {settings}",))

    # --- Ports -----------------------------------------------------------------------------------------------------

    def _of_port(self, rule: DeniedRule) -> Iterator[Advice]:
        field = next((_PORTS[each] for each in rule.permissions if each in _PORTS), None)
        access = rule.cause.access
        if field is None or access is None:
            return
        protocol = _PROTOCOLS[rule.object_class]
        port = next(
            (each for each in map(_port_of(field), (details(line.text) for line in rule.examples)) if each is not None),
            None,
        )
        if port is None:
            return
        by_policy = port_context(self._policy, protocol, port)
        if by_policy is not None and self._policy.types[by_policy.type].name != rule.target:
            name = self._policy.types[by_policy.type].name
            yield Advice(
                "port", f"the policy labels {protocol} port {port} {name}; this system had it labelled otherwise"
            )
        choices = self._port_choices(access) if self._is_vague_port(access.target.type) else []
        if choices:
            yield Advice(
                "port",
                f"{protocol} port {port} is {rule.target}; with the label {_or(choices)} this would be allowed",
                (f"semanage port -a -t {choices[0]} -p {protocol} {port}",),
            )

    def _is_vague_port(self, type_id: int) -> bool:
        ranges = (each for each in self._policy.port_contexts if each.context.type == type_id)
        return all(each.high - each.low >= _NARROW for each in ranges)

    def _port_choices(self, access: Access) -> list[str]:
        """Return the types of ports that the source may use likewise, those of its own name first."""
        self._asked += 1
        if self._asked > _MOST_ASKED:
            return []
        types = self._policy.types
        source = types[access.source.type].name
        known = {each.context.type for each in self._policy.port_contexts} - {access.target.type}
        allowed = [each for each in known if self._allows(access, access.target._replace(type=each))]
        stem = source.partition("_")[0].rstrip("d")
        names = sorted((types[each].name for each in allowed), key=lambda name: (len(name), name))
        own = [name for name in names if name.startswith(stem)]
        return (own or names)[:_MOST_CHOICES]

    # --- Constraints -----------------------------------------------------------------------------------------------

    def _of_constraint(self, rule: DeniedRule) -> Iterator[Advice]:
        found = self._withheld.get(id(rule))
        if found is None:
            return
        access, withheld = found
        names = " ".join(self._policy.classes[access.object_class].names(withheld))
        text = f"even with this rule {{ {names} }} would be denied"
        yield Advice("constraint", text + (_needed(self._forbidden, access, 1) if self._ask(rule) is not None else ""))

    def _of_forbidden(self, rule: DeniedRule) -> Iterator[Advice]:
        access = self._ask(rule)
        if access is not None:
            yield Advice("constraint", "no rule helps" + _needed(self._forbidden, access, 0))


def _needed(forbidden: ForbiddenAccesses, access: Access, known: int) -> str:
    """Return lines on what forbids an access, and on what would be needed.

    Args:
        forbidden: tells it.
        access: the access.
        known: how many reasons beside constraints have been told already.
    """
    told = forbidden.tell(access)
    lines = [*told.constraints, *told.others[known:]]
    lines += ["needed: " + " and ".join(each.text for each in proposal.changes) for proposal in told.proposals]
    return "".join(f"\n\t{each}" for each in lines)


def _without_domain(rule: DeniedRule) -> Advice:
    about = details(rule.examples[0].text) if rule.examples else None
    program = _shown(about.program or about.command) if about else ""
    what = f"the program {program}" if program else "the program"
    return Advice(
        "domain",
        f"{what} runs as {rule.source}, as programs do that have no domain of their own, and a rule would serve all of "
        "them: give it the label of a program that has one, or write a module for it",
    )


def _port_of(field: str) -> Callable[[AccessDetails], int | None]:
    def port(about: AccessDetails) -> int | None:
        text = about.fields.get(field, "")
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else None

    return port


def _or(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _shown(text: str) -> str:
    """Return a name that others chose as a shell takes it; nothing in it can move the cursor."""
    from shlex import quote  # those who have no paths do not pay for it

    return quote(text if text.isprintable() else ascii(text)[1:-1])
