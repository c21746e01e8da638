"""Named tuples that cost little to declare; every room may use them.

``typing.NamedTuple`` compiles a constructor when a class is declared, which for the classes of a command is a fifth of
what its imports take, and of most it makes no value. Here the constructor is compiled when the first value is made.
All else is as the library has it, and type checkers see the library's.
"""

from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    try:
        from _collections import _tuplegetter as _field
    except ImportError:  # as in the library, where the interpreter has nothing quicker

        def _field(index, doc):
            return property(itemgetter(index), doc=doc)

    class _Tuple(tuple):
        """What all such classes can do.

        Source: ``collections.namedtuple`` of Python.
        """

        __slots__ = ()

        @classmethod
        def _make(cls, values):
            made = tuple.__new__(cls, values)
            if len(made) != len(cls._fields):
                raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(made)}")
            return made

        def _replace(self, /, **changes):
            made = self._make(map(changes.pop, self._fields, self))
            if changes:
                raise ValueError(f"Got unexpected field names: {list(changes)!r}")
            return made

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self):
            shown = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
            return f"{type(self).__name__}({shown})"

        def __getnewargs__(self):
            return tuple(self)

    def _first(cls, /, *values, **named):
        """Make the first value of a class, and the constructor that makes all others."""
        declared = next(each for each in cls.__mro__ if "_fields" in each.__dict__)
        names = ", ".join(declared._fields)
        names_and_comma = f"{names}," if names else ""
        scope = {"make": tuple.__new__, "__builtins__": {}}
        constructor = eval(f"lambda _cls, {names}: make(_cls, ({names_and_comma}))", scope)  # noqa: S307 - names only
        constructor.__name__, constructor.__qualname__ = "__new__", f"{declared.__qualname__}.__new__"
        constructor.__defaults__ = tuple(declared._field_defaults.values())
        declared.__new__ = staticmethod(constructor)
        return constructor(cls, *values, **named)

    class _Declaration(type):
        """Turns the declaration of fields into a class of tuples."""

        def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
            if not bases:
                return super().__new__(cls, name, bases, namespace)
            fields: Final = tuple(namespace.get("__annotations__", ()))
            defaults = {field: namespace[field] for field in fields if field in namespace}
            namespace |= {field: _field(index, f"Field number {index}") for index, field in enumerate(fields)}
            namespace |= {"__slots__": (), "__match_args__": fields, "_fields": fields, "_field_defaults": defaults}
            return type(name, (_Tuple, *bases[1:]), {**namespace, "__new__": _first})

    class NamedTuple(metaclass=_Declaration):
        """A class of tuples is declared by deriving from this, as from the library's."""
