from io import StringIO
from xml.etree.ElementTree import fromstring

import pytest
from drawing import WIDTH, draw_book, picture
from rich.console import Console
from scenes import CHAPTERS, FOODS, SCENES, Outcome, Scene


def by_the_book(scene: Scene) -> Outcome:
    return Outcome(scene, scene.eats, scene.pet.context, scene.food.context, () if scene.eats else ("no rule",))


OUTCOMES = [by_the_book(scene) for scene in SCENES]


def drawn(outcomes: list[Outcome], width: int = WIDTH) -> str:
    console = Console(file=StringIO(), width=width)
    with console.capture() as capture:
        console.print(draw_book(outcomes, "how it was played", width))
    return capture.get()


@pytest.mark.parametrize("width", [66, 80, WIDTH])
def test_the_drawing_tells_who_tried_what_with_which_labels_and_the_verdict(width: int) -> None:
    shown = drawn(OUTCOMES, width)
    assert shown.splitlines()[0].rstrip() == "how it was played"
    for chapter in CHAPTERS:
        assert chapter.title in shown
    for scene in SCENES:
        assert f"{scene.pet.name} and {scene.food.name}" in shown
        assert scene.pet.context in shown
        assert scene.food.context in shown
    assert shown.count("ALLOWED") == sum(scene.eats for scene in SCENES)
    assert shown.count("DENIED") == sum(not scene.eats for scene in SCENES)
    assert shown.count("because no rule") == shown.count("DENIED")
    assert max(map(len, shown.splitlines())) <= width
    assert f"{len(SCENES)} of {len(SCENES)} verdicts are the book's." in shown


def test_a_verdict_against_the_book_is_shown_as_such() -> None:
    wrong = OUTCOMES[0]._replace(ate=False)
    shown = drawn([wrong, *OUTCOMES[1:]], 80)
    assert not wrong.is_by_the_book
    assert "The book says otherwise: this should be allowed." in shown
    assert f"{len(SCENES) - 1} of {len(SCENES)} verdicts are the book's." in shown


def test_the_picture_is_whole_and_needs_nothing_from_the_network() -> None:
    image = picture(draw_book(OUTCOMES, "how", WIDTH), "selbox")
    root = fromstring(image)  # noqa: S314 - drawn here
    texts = [text.replace("\xa0", " ") for text in root.itertext()]
    assert {"the dog", "dog chow", "yummy!"} <= set(texts)
    assert any("dog_chow_t" in text for text in texts)
    assert "url(http" not in image
    assert "href=" not in image


def test_every_bowl_is_a_file_of_its_own() -> None:
    assert len({food.file for food in FOODS}) == len(FOODS)
