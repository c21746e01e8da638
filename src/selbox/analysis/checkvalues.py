"""The values of a check's options."""

from collections.abc import Iterable, Mapping

from selbox.analysis.catalogue import Catalogue
from selbox.analysis.matching import known_type
from selbox.diagnostics import SelboxError, did_you_mean
from selbox.typing import Final, NamedTuple, NoReturn

CHECK_CODE: Final = "invalid-check"

_TRUE: Final = frozenset({"yes", "true", "1"})


def fail(check: str, words: str, advice: str = "") -> NoReturn:
    """Report that a check is not as it must be.

    Raises:
        SelboxError: always, ``invalid-check``.
    """
    raise SelboxError.of(CHECK_CODE, f"check `{check}`: {words}", help=advice)


class Options(NamedTuple):
    """The options of one check.

    Attributes:
        check: its name.
        values: by option.
        catalogue: the policy.
    """

    check: str
    values: Mapping[str, str]
    catalogue: Catalogue

    def word(self, option: str) -> str:
        """Return a value without the blanks around it; empty when it is not given."""
        return self.values.get(option, "").strip()

    def words(self, option: str) -> list[str]:
        """Return the words of a value."""
        return self.values.get(option, "").split()

    def flag(self, option: str) -> bool:
        """Tell whether a value says yes."""
        return self.word(option).lower() in _TRUE

    def type_name(self, option: str) -> str | None:
        """Return the name of a type or an attribute; None when it is not given.

        Raises:
            SelboxError: ``invalid-check``, when the policy has none of that name.
        """
        name = self.word(option)
        if not name:
            return None
        self._types(option, name)
        return name

    def types(self, option: str, *, strict: bool) -> int:
        """Return the bitset of the types that a value names, one by one or as attributes.

        Args:
            option: whose value it is.
            strict: whether all of the names have to be there; else those that are not are passed over.

        Raises:
            SelboxError: ``invalid-check``.
        """
        found = 0
        for name in self.words(option):
            if strict or self.catalogue.type_id(name) is not None:
                found |= self._types(option, name)
        return found

    def _types(self, option: str, name: str) -> int:
        try:
            return self.catalogue.members(known_type(self.catalogue, name))
        except SelboxError as error:
            first = error.diagnostics[0]
            fail(self.check, f"`{option}`: {first.message}", first.help)

    def role_name(self, option: str) -> str | None:
        """Return the name of a role; None when it is not given.

        Raises:
            SelboxError: ``invalid-check``, when the policy has none of that name.
        """
        name = self.word(option)
        if name:
            self._known(option, (name,), self.catalogue.roles, "role")
        return name or None

    def roles(self, option: str, *, strict: bool) -> set[str]:
        """Return the roles that a value names; see :meth:`types`.

        Raises:
            SelboxError: ``invalid-check``.
        """
        names = self.words(option)
        if strict:
            self._known(option, names, self.catalogue.roles, "role")
        return {name for name in names if name in self.catalogue.roles}

    def classes(self, option: str) -> tuple[str, ...]:
        """Return the classes that a value names.

        Raises:
            SelboxError: ``invalid-check``.
        """
        names = self.words(option)
        self._known(option, names, self.catalogue.classes, "class")
        return tuple(names)

    def permissions(self, option: str, classes: Iterable[str]) -> tuple[str, ...]:
        """Return the permissions that a value names, each of which one of some classes has; any class, without some.

        Raises:
            SelboxError: ``invalid-check``.
        """
        catalogue = self.catalogue
        ids = [catalogue.classes.index(each) for each in classes] or range(len(catalogue.classes))
        names = self.words(option)
        self._known(
            option, names, sorted({each for index in ids for each in catalogue.permissions[index]}), "permission"
        )
        return tuple(names)

    def _known(self, option: str, names: Iterable[str], known: Iterable[str], noun: str) -> None:
        known = tuple(known)
        for name in names:
            if name not in known:
                fail(self.check, f"`{option}`: there is no {noun} `{name}`", did_you_mean(name, known))
