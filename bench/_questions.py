"""Random questions to a policy: contexts that are valid in it, and classes."""

from random import Random

from selbox.model.bitset import members
from selbox.model.context import Context
from selbox.model.context_text import format_context
from selbox.model.mls import Level, LevelRange
from selbox.model.policy import Policy
from selbox.model.rules import ACCESS_KINDS
from selbox.server.validity import OBJECT_ROLE, context_fault

Question = tuple[str, str, int]
"""Source context, target context, class id."""


class Asker:
    """Asks at random, and the same in every run.

    Args:
        policy: the policy.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._random = Random(1)  # noqa: S311 - it chooses what is measured
        self._types = [index for index, each in enumerate(policy.types) if not each.is_attribute]
        self._domains = [each for each in self._types if self._roles(each)]
        self._rules = [row for row, kind in enumerate(policy.rules.kind) if kind in ACCESS_KINDS]

    def anything(self) -> Question:
        """Ask about a random process, a random object and a random class: nearly always, no rule says anything."""
        choose = self._random.choice
        number = self._random.randrange(len(self._policy.classes))
        return self._context(choose(self._domains)), self._context(choose(self._types)), number

    def along_a_rule(self) -> Question:
        """Ask about a random rule's class and random types that it names."""
        rules, row = self._policy.rules, self._random.choice(self._rules)
        source, target = self._member(rules.source[row]), self._member(rules.target[row])
        return self._context(source), self._context(target), rules.object_class[row]

    def _member(self, entry: int) -> int:
        each = self._policy.types[entry]
        return self._random.choice([*members(each.types)] or self._types) if each.is_attribute else entry

    def _roles(self, type_id: int) -> list[int]:
        roles = enumerate(self._policy.roles)
        return [index for index, each in roles if index != OBJECT_ROLE and each.types >> type_id & 1]

    def _context(self, type_id: int) -> str:
        policy, random = self._policy, self._random
        role = random.choice(self._roles(type_id) or [OBJECT_ROLE])
        users = [index for index, each in enumerate(policy.users) if role == OBJECT_ROLE or each.roles >> role & 1]
        lowest = Level(0)
        for _ in range(3):
            context = Context(random.choice(users or [0]), role, type_id, self._range())
            if not context_fault(policy, context):
                return format_context(policy, context)
        return format_context(policy, Context(0, OBJECT_ROLE, type_id, LevelRange(lowest, lowest)))

    def _range(self) -> LevelRange:
        random, lowest = self._random, Level(0)
        if not self._policy.categories or random.random() < 0.5:
            return LevelRange(lowest, lowest)
        few = Level(0, sum(1 << each for each in random.sample(range(len(self._policy.categories)), 3)))
        return random.choice((LevelRange(few, few), LevelRange(lowest, few), self._policy.users[0].range))
