"""The ids that types have at last, when a policy is put together again."""

from selbox.binary.kernel.relinked import Numbers
from selbox.compiler.moving import Moved
from selbox.compiler.renewal import Rules, Types


class FinalIds:
    """Final ids of types.

    Args:
        types: those that are declared.
        rules: know which attributes stay.
        count: how many types and attributes the earlier policy had.
        total: how many ids there are.

    Attributes:
        order: the ids in the order of the final ones.
        ids: final ids; -1 for what is not in the policy.
        numbers: the file's numbers, which are ids plus one.
        changes: whether the policy has other types or attributes, or in another order.
    """

    def __init__(self, types: Types, rules: Rules, count: int, total: int) -> None:
        self.order = [each for each in types.order if not types.flags[each] or each in rules.kept]
        self.ids = [-1] * total
        for new, old in enumerate(self.order):
            self.ids[old] = new
        self.numbers = Numbers([0, *(each + 1 for each in self.ids)], count + 1)
        self.changes = self.order != list(range(count))
        self._moved = Moved(self.order)

    def bits(self, old: int) -> int:
        """Return a set of types by their final ids; what is not in the policy is left out."""
        return self._moved.bits(old) if self.changes else old
