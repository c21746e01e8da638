import copy
import pickle
import subprocess
import sys
import typing

import pytest

import selbox.typing

_CLASS = """
class Point(NamedTuple):
    "A place."

    x: int
    y: "int" = 2
    z: int | None = None

    @property
    def sum(self) -> int:
        return self.x + self.y

    @classmethod
    def origin(cls):
        return cls(0, 0)
"""


def _point(home: typing.Any) -> typing.Any:
    names = {"NamedTuple": home.NamedTuple, "__name__": __name__}
    exec(_CLASS, names)  # noqa: S102 - the same class twice
    return names["Point"]


Point: typing.Any = _point(selbox.typing)


@pytest.fixture(params=[typing, selbox.typing], ids=["typing", "stand-in"])
def point(request: pytest.FixtureRequest) -> typing.Any:
    return _point(request.param)


def test_a_named_tuple_is_a_tuple_whose_items_have_names(point: typing.Any) -> None:
    made = point(1, z=3)
    assert made == (1, 2, 3)
    assert issubclass(point, tuple)
    assert hash(made) == hash((1, 2, 3))
    assert (made.x, made.y, made.z, made.sum) == (1, 2, 3, 3)
    assert repr(made) == "Point(x=1, y=2, z=3)"
    assert point.origin() == (0, 0, None)
    assert point._fields == point.__match_args__ == ("x", "y", "z")
    assert point._field_defaults == {"y": 2, "z": None}
    assert made._asdict() == {"x": 1, "y": 2, "z": 3}
    assert made._replace(x=7, z=9) == (7, 2, 9)
    assert type(made._replace(x=7)) is point
    assert point._make([4, 5, 6]) == (4, 5, 6)
    assert copy.copy(made) == made
    assert type(point) is type
    assert point.__mro__ == (point, tuple, object)
    assert point.__doc__ == "A place."
    assert point.__module__ == __name__


@pytest.mark.parametrize("words", [{}, {"y": 1}, {"x": 1, "w": 2}])
def test_what_are_no_fields_is_refused(point: typing.Any, words: dict[str, int]) -> None:
    with pytest.raises(TypeError, match=r"Point\.__new__\(\)|__new__\(\)"):
        point(**words)
    with pytest.raises((TypeError, ValueError), match="w"):
        point(1)._replace(w=1)
    with pytest.raises(TypeError):
        point._make([1, 2, 3, 4])


def test_nothing_else_can_be_kept_in_one(point: typing.Any) -> None:
    made = point(1)
    with pytest.raises(AttributeError):
        made.x = 2
    with pytest.raises(AttributeError):
        made.w = 2


def test_one_can_be_kept_and_matched() -> None:
    kept = pickle.loads(pickle.dumps(Point(1)))  # noqa: S301 - its own
    assert kept == Point(1)
    assert type(kept) is Point
    match kept:
        case Point(x=1, y=found):
            assert found == 2


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="typing is taken as it is there")
def test_no_command_waits_for_typing() -> None:
    code = "import sys; from selbox.cli.main import main; main(['why', '--help']); sys.exit('typing' in sys.modules)"
    path = ":".join(sys.path)
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], env={"PYTHONPATH": path}, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
