"""A small policy made by hand, so that tests of the server do not depend on the compiler."""

from typing import Any

from selbox.model.bitset import bitset
from selbox.model.conditional import BooleanOperator, Conditional
from selbox.model.constraint import CompareAttributes, CompareNames, Comparison, Connective, Constraint, Operand
from selbox.model.context import Context
from selbox.model.labelling import InitialSid
from selbox.model.mls import Level, LevelRange
from selbox.model.objectclass import ObjectClass
from selbox.model.policy import Policy
from selbox.model.rules import RoleAllow, RuleKind, Rules
from selbox.model.symbols import Boolean, Category, Role, Sensitivity, Type, User

FILE, PROCESS, SOCKET, DIRECTORY = range(4)
READ, WRITE, GETATTR = 1, 2, 4
TRANSITION, DYNTRANSITION, SIGNAL = 1, 2, 4
ALL = 0xFFFFFFFF

TYPE_NAMES = ("kernel_t", "dog_t", "cat_t", "puppy_t", "dog_chow_t", "cat_chow_t", "puppy_chow_t", "ghost_t")
KERNEL, DOG, CAT, PUPPY, DOG_CHOW, CAT_CHOW, PUPPY_CHOW, GHOST = range(8)
ANIMAL, CHOW = 8, 9
OBJECT_ROLE, ANIMAL_ROLE, VET_ROLE = range(3)

CLASSES = (
    ObjectClass("file", None, ("read", "write", "getattr")),
    ObjectClass("process", None, ("transition", "dyntransition", "signal")),
    ObjectClass("unix_stream_socket", None, ("connectto",)),
    ObjectClass("dir", None, ("search", "add_name")),
)

READ_NEEDS_DOMINANCE = Constraint(
    FILE,
    READ,
    (
        CompareAttributes(Operand.LOW_1, Comparison.DOMINATES, Operand.LOW_2),
        CompareNames(Operand.TYPE_1, Comparison.EQUAL, 1 << KERNEL, ("kernel_t",)),
        Connective.OR,
    ),
    True,
    1,
)


def level(sensitivity: int, *categories: int) -> Level:
    return Level(sensitivity, bitset(categories))


def between(low: Level, high: Level | None = None) -> LevelRange:
    return LevelRange(low, high or low)


def make_rules(*rows: tuple[Any, ...]) -> Rules:
    rules = Rules()
    for row in rows:
        rules.append(*row)
    return rules


DEFAULT_RULES = (
    (RuleKind.ALLOW, ANIMAL, CHOW, FILE, GETATTR),
    (RuleKind.ALLOW, DOG, DOG_CHOW, FILE, READ | WRITE),
    (RuleKind.ALLOW, CAT, CAT_CHOW, FILE, READ),
    (RuleKind.AUDITALLOW, CAT, CAT_CHOW, FILE, READ),
    (RuleKind.DONTAUDIT, ANIMAL, CAT_CHOW, FILE, WRITE),
    (RuleKind.ALLOW, PUPPY, DOG_CHOW, FILE, READ | WRITE),
    (RuleKind.ALLOW, PUPPY, CAT_CHOW, FILE, READ),
    (RuleKind.ALLOW, DOG, PUPPY, PROCESS, TRANSITION | DYNTRANSITION | SIGNAL),
    (RuleKind.ALLOW, DOG, CAT_CHOW, FILE, READ, 1),
    (RuleKind.ALLOW, CAT, DOG_CHOW, FILE, READ, 2),
)


def make_policy(**changes: Any) -> Policy:
    """Make the policy; ``changes`` replace its parts."""
    types = [Type(name, False, 1 << index) for index, name in enumerate(TYPE_NAMES)]
    types[GHOST] = types[GHOST]._replace(permissive=True)
    types[PUPPY] = types[PUPPY]._replace(bounds=DOG)
    types[DOG_CHOW] = types[DOG_CHOW]._replace(aliases=("kibble_t",))
    types.append(Type("animal", True, bitset((DOG, CAT))))
    types.append(Type("chow", True, bitset((DOG_CHOW, CAT_CHOW))))
    all_categories = (1 << 8) - 1
    clearance = LevelRange(Level(0), Level(1, all_categories))
    kernel = Context(0, OBJECT_ROLE, KERNEL, between(Level(0)))
    policy = Policy(
        classes=CLASSES,
        types=tuple(types),
        roles=(
            Role("object_r", 0),
            Role("animal_r", bitset((KERNEL, DOG, CAT, PUPPY, GHOST)), dominates=1 << ANIMAL_ROLE),
            Role("vet_r", bitset((DOG, CAT, PUPPY)), dominates=1 << VET_ROLE),
        ),
        users=(
            User("system_u", bitset((OBJECT_ROLE, ANIMAL_ROLE, VET_ROLE)), Level(0), clearance),
            User("pet_u", bitset((OBJECT_ROLE, ANIMAL_ROLE)), Level(0), LevelRange(Level(0), level(0, 0, 1, 2, 3))),
        ),
        booleans=(Boolean("dogs_eat_all", False), Boolean("cats_fast", True)),
        sensitivities=(Sensitivity("s0", all_categories), Sensitivity("s1", all_categories ^ 1, ("secret",))),
        categories=tuple(Category(f"c{index}") for index in range(8)),
        rules=make_rules(*DEFAULT_RULES),
        conditionals=(Conditional((0, 1, BooleanOperator.NOT, BooleanOperator.OR)),),
        constraints=(READ_NEEDS_DOMINANCE,),
        role_allows=(RoleAllow(ANIMAL_ROLE, VET_ROLE),),
        initial_sids=(InitialSid("kernel", kernel), InitialSid("security", None), InitialSid("unlabeled", kernel)),
    )
    return policy._replace(**changes)
