"""The scenes of the SELinux Coloring Book as values: who tries to eat what, and what the book says comes of it.

Source: "The SELinux Coloring Book" by Dan Walsh and Máirín Duffy, whose cats and dogs are processes and whose food is
files. A pet's size, its name and its kind are in its security context; nothing else decides.
"""

from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What a pet is; values are how it is drawn and spoken of."""

    DOG = "dog"
    SMALL_DOG = "small dog"
    CAT = "cat"


class Pet(NamedTuple):
    """A process.

    Attributes:
        name: what the scene calls it, such as ``Fido``.
        kind: how it is drawn.
        context: the security context that it runs in.
    """

    name: str
    kind: Kind
    context: str


class Food(NamedTuple):
    """A file.

    Attributes:
        name: what is written on the bowl.
        file: its name in the kitchen, the directory that the play is given in.
        context: the security context that it is labelled with.
    """

    name: str
    file: str
    context: str


class Scene(NamedTuple):
    """One try.

    Attributes:
        pet: who tries.
        food: what it tries to read.
        eats: whether the book lets it.
        moral: what the scene teaches, in one sentence.
    """

    pet: Pet
    food: Food
    eats: bool
    moral: str


class Chapter(NamedTuple):
    """Scenes that teach one thing."""

    title: str
    scenes: tuple[Scene, ...]


def _pet_context(domain: str, level: str) -> str:
    return f"system_u:system_r:{domain}:{level}"


def _food_context(food_type: str, level: str) -> str:
    return f"system_u:object_r:{food_type}:{level}"


DOG = Pet("the dog", Kind.DOG, _pet_context("dog_t", "s0"))
CAT = Pet("the cat", Kind.CAT, _pet_context("cat_t", "s0"))
FIDO = Pet("Fido", Kind.DOG, _pet_context("dog_t", "s0:c1"))
SPOT = Pet("Spot", Kind.DOG, _pet_context("dog_t", "s0:c2"))
GREYHOUND = Pet("the Greyhound", Kind.DOG, _pet_context("dog_t", "s2"))
CHIHUAHUA = Pet("the Chihuahua", Kind.SMALL_DOG, _pet_context("dog_t", "s1"))

DOG_CHOW = Food("dog chow", "dog_chow", _food_context("dog_chow_t", "s0"))
CAT_CHOW = Food("cat chow", "cat_chow", _food_context("cat_chow_t", "s0"))
FIDO_CHOW = Food("Fido's chow", "fido_chow", _food_context("dog_chow_t", "s0:c1"))
SPOT_CHOW = Food("Spot's chow", "spot_chow", _food_context("dog_chow_t", "s0:c2"))
GREYHOUND_CHOW = Food("big chow", "greyhound_chow", _food_context("dog_chow_t", "s2"))
CHIHUAHUA_CHOW = Food("tiny chow", "chihuahua_chow", _food_context("dog_chow_t", "s1"))

CHAPTERS = (
    Chapter(
        "Type enforcement: cats eat cat food, dogs eat dog food",
        (
            Scene(DOG, DOG_CHOW, True, "A rule of the policy lets dogs eat dog chow."),
            Scene(CAT, CAT_CHOW, True, "A rule of the policy lets cats eat cat chow."),
            Scene(DOG, CAT_CHOW, False, "No rule lets a dog eat cat chow, and what no rule allows is denied."),
            Scene(CAT, DOG_CHOW, False, "No rule lets a cat eat dog chow either."),
        ),
    ),
    Chapter(
        "MCS: every dog eats from its own bowl",
        (
            Scene(FIDO, FIDO_CHOW, True, "Fido and his bowl have the same category."),
            Scene(SPOT, SPOT_CHOW, True, "So have Spot and his."),
            Scene(FIDO, SPOT_CHOW, False, "Both are dogs with dog chow, but Fido lacks the category of Spot's bowl."),
            Scene(SPOT, FIDO_CHOW, False, "And Spot lacks the category of Fido's."),
        ),
    ),
    Chapter(
        "MLS: the big dog may eat what is under its level",
        (
            Scene(GREYHOUND, GREYHOUND_CHOW, True, "The Greyhound eats at its own level."),
            Scene(GREYHOUND, CHIHUAHUA_CHOW, True, "Its level dominates the Chihuahua's, so it may eat there as well."),
            Scene(CHIHUAHUA, CHIHUAHUA_CHOW, True, "The Chihuahua eats at its own level."),
            Scene(CHIHUAHUA, GREYHOUND_CHOW, False, "Big chow is above its level: the Chihuahua would choke on it."),
            Scene(GREYHOUND, CAT_CHOW, False, "However high its level, it is a dog, and this is cat food."),
        ),
    ),
)
"""The whole book, in its order."""

SCENES = tuple(scene for chapter in CHAPTERS for scene in chapter.scenes)
"""Every scene, in order."""

FOODS = tuple(dict.fromkeys(scene.food for scene in SCENES))
"""Every bowl in the kitchen, once."""


class Outcome(NamedTuple):
    """What came of a scene.

    Attributes:
        scene: the scene.
        ate: whether the pet could read its food.
        pet_label: the context that the pet had, as it was found while the scene was played.
        food_label: likewise for the food.
        because: for a denial, the part of policy that denied, one line each; empty when the pet ate.
    """

    scene: Scene
    ate: bool
    pet_label: str
    food_label: str
    because: tuple[str, ...] = ()

    @property
    def is_by_the_book(self) -> bool:
        """Whether the verdict is the book's."""
        return self.ate == self.scene.eats
