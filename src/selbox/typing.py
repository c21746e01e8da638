"""What type annotations are written with, and named tuples, at a fraction of the cost.

Type checkers find here what :mod:`typing` has. A program that runs for a tenth of a second finds stand-ins: the import
of :mod:`typing`, and the named tuples that it makes, would be a third of its start. ``typing`` compiles a text to a
function for each class of named tuples; here a class takes the code of a function that is there already, and gives its
arguments other names.
"""

import sys

__all__ = [
    "TYPE_CHECKING",
    "Any",
    "BinaryIO",
    "ClassVar",
    "Final",
    "Literal",
    "NamedTuple",
    "NoReturn",
    "Protocol",
    "Self",
    "TextIO",
    "TypeVar",
    "cast",
    "overload",
]

TYPE_CHECKING = False
if TYPE_CHECKING or sys.version_info >= (3, 14):  # from where annotations are code, which would have to run for names
    from typing import (  # noqa: TID251 - here it comes from
        Any,
        BinaryIO,
        ClassVar,
        Final,
        Literal,
        NamedTuple,
        NoReturn,
        Protocol,
        Self,
        TextIO,
        TypeVar,
        cast,
        overload,
    )
else:
    from collections import _tuplegetter
    from types import CodeType, FunctionType

    Any = BinaryIO = NoReturn = Self = TextIO = object

    class Final:
        """Stands where an annotation qualifies a name."""

        def __class_getitem__(cls, annotation):
            """Return what is qualified."""
            return annotation

    ClassVar = Final

    class Literal:
        """Stands for some values."""

        def __class_getitem__(cls, values):
            """Return what stands in annotations where any type may."""
            return object

    class Protocol:
        """Base of classes that say what others have."""

    def TypeVar(name, *constraints, bound=None):  # noqa: ARG001, N802 - as typing has it
        """Return what stands in annotations where any type may."""
        return object

    def cast(type_, value):  # noqa: ARG001 - as typing has it
        """Return the value."""
        return value

    def overload(function):
        """Return the function, whose like will follow."""
        return function

    _NAMES = {"_tuple_new": tuple.__new__, "__builtins__": {}, "__name__": __name__}
    _TEMPLATES: dict[int, CodeType] = {}

    def _template(count):
        """Return the code of a function that makes a tuple of a class and some values."""
        code = _TEMPLATES.get(count)
        if code is None:
            values = "".join([f"_{index}, " for index in range(count)])
            code = eval(f"lambda _cls, {values}: _tuple_new(_cls, ({values}))", _NAMES).__code__  # noqa: S307 - own text
            _TEMPLATES[count] = code
        return code

    @classmethod
    def _make(cls, values):
        """Return an instance made of as many values as there are fields."""
        return cls(*values)

    def _replace(self, /, **changes):
        """Return an instance with other values in some fields."""
        result = tuple.__new__(self.__class__, map(changes.pop, self._fields, self))
        if changes:
            raise TypeError(f"{self.__class__.__name__} has no fields {', '.join(changes)}")
        return result

    def _asdict(self):
        """Return the values by the names of their fields."""
        return dict(zip(self._fields, self, strict=True))

    def _repr(self):
        values = ", ".join([f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True)])
        return f"{self.__class__.__name__}({values})"

    def _arguments(self):
        return tuple(self)

    _SHARED = {
        "__slots__": (),
        "__repr__": _repr,
        "__getnewargs__": _arguments,
        "_make": _make,
        "_replace": _replace,
        "_asdict": _asdict,
    }

    class _Maker(type):
        """Makes plain subclasses of tuple of what is written as a subclass of :class:`NamedTuple`."""

        def __new__(cls, name, bases, namespace):
            if not bases:
                return super().__new__(cls, name, bases, namespace)
            fields = tuple(namespace["__annotations__"])
            defaults = {field: namespace[field] for field in fields if field in namespace}
            code = _template(len(fields)).replace(
                co_varnames=("_cls", *fields), co_name="__new__", co_qualname=f"{name}.__new__"
            )
            namespace = {**_SHARED, **namespace, "_fields": fields, "_field_defaults": defaults}
            namespace["__match_args__"] = fields
            namespace["__new__"] = FunctionType(code, _NAMES, "__new__", tuple(defaults.values()) or None)
            for index, field in enumerate(fields):
                namespace[field] = _tuplegetter(index, None)
            return type(name, (tuple,), namespace)

    class NamedTuple(metaclass=_Maker):
        """A tuple whose items have names, as that of :mod:`typing` is."""
