"""One kind of component of two policies: what the right one has added, has not any more, and has changed."""

from abc import abstractmethod
from collections.abc import Collection, Iterator

from selbox.typing import NamedTuple, TypeVar

_Item = TypeVar("_Item")


class Part(NamedTuple):
    """A part of a component that has changed.

    Attributes:
        name: what the part is, such as ``Roles``; empty for the only one that there can be.
        added: what the right policy has and the left one has not.
        removed: the other way round.
        indent: further blanks before its lines.
    """

    name: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    indent: int = 0


class Change(NamedTuple):
    """A component that both policies have, and that is not the same.

    Attributes:
        name: what it is called, or by what both policies know it.
        line: how SETools shows it, with what has changed as far as that is in the same line.
        parts: what has changed.
        in_line: whether the line says all of it.
    """

    name: str
    line: str
    parts: tuple[Part, ...]
    in_line: bool = False


class Lines(Collection[_Item]):
    """Components of which there may be a million, so that they are made while they are read.

    Iterating makes one after the other, and keeps none.
    """

    def __contains__(self, item: object) -> bool:
        """Tell whether a component is among them."""
        return any(each == item for each in self)

    @abstractmethod
    def text(self, before: str) -> Iterator[str]:
        """Yield them as lines, several at a time.

        Args:
            before: what each line begins with.
        """


class Section(NamedTuple):
    """The differences of one kind of component.

    Attributes:
        kind: word of the component, as the options of ``sediff`` spell it.
        title: heading, as SETools has it.
        plural: what SETools calls the components in the headings of the lists.
        added: statements of the right policy alone; :class:`Lines` where there may be many, as below.
        removed: statements of the left policy alone.
        modified: what is in both and differs.
        is_modifiable: whether components of this kind can be modified, or only added and removed.
    """

    kind: str
    title: str
    plural: str
    added: Collection[str] = ()
    removed: Collection[str] = ()
    modified: Collection[Change] = ()
    is_modifiable: bool = True

    def __bool__(self) -> bool:
        """Whether there is any difference."""
        return bool(self.added or self.removed or self.modified)
