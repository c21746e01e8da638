"""One kind of component of two policies: what the right one has added, has not any more, and has changed."""

from collections.abc import Sequence

from selbox.typing import NamedTuple


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


class Section(NamedTuple):
    """The differences of one kind of component.

    Attributes:
        kind: word of the component, as the options of ``sediff`` spell it.
        title: heading, as SETools has it.
        plural: what SETools calls the components in the headings of the lists.
        added: statements of the right policy alone.
        removed: statements of the left policy alone.
        modified: what is in both and differs.
        is_modifiable: whether components of this kind can be modified, or only added and removed.
    """

    kind: str
    title: str
    plural: str
    added: Sequence[str] = ()
    removed: Sequence[str] = ()
    modified: Sequence[Change] = ()
    is_modifiable: bool = True

    def __bool__(self) -> bool:
        """Whether there is any difference."""
        return bool(self.added or self.removed or self.modified)
