"""Labels that an object might be given so that a source may reach it: guesses by names and paths, each tried."""

from collections import defaultdict
from collections.abc import Iterable

from selbox.model.policy import Policy
from selbox.server.causes import CauseFinder
from selbox.server.evaluation import Access
from selbox.server.validity import OBJECT_ROLE
from selbox.typing import Final

VAGUE: Final = frozenset(
    {"default_t", "etc_t", "file_t", "home_root_t", "mnt_t", "root_t", "tmp_t", "unlabeled_t", "usr_t"}
    | {"var_lib_t", "var_log_t", "var_run_t", "var_t"}
)
"""Types of files that say little more than in which directory they lie."""
WITHOUT_LABEL: Final = frozenset({"unlabeled_t", "file_t"})
"""Types that stand for objects without a valid label."""

_FAMILIES: Final = {"smbd": "samba", "nmbd": "samba", "winbind": "samba"}
"""What the types of a program's files are called where that is not like the program's own."""
_SHARED: Final = "public"
"""What the types of files are called that several services share."""
_PURPOSES: Final = (
    (("/run/", "/var/run/"), ("runtime", "var_run")),
    (("/tmp/", "/var/tmp/"), ("tmp",)),  # noqa: S108 - nothing is written there
    (("/dev/shm/",), ("tmpfs",)),  # noqa: S108 - likewise
    (("/var/log/",), ("log", "var_log")),
    (("/var/lock/",), ("lock",)),
    (("/var/cache/",), ("cache",)),
    (("/var/lib/",), ("var_lib", "lib")),
    (("/var/spool/",), ("spool",)),
    (("/etc/",), ("etc", "conf", "config")),
    ((), ("cert", "key", "keysign", "keytab", "passwd", "secrets", "shadow", "unit")),
    (("/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"), ("exec",)),
)
"""Ends of the names of types, before ``_t``, by where such files lie; nowhere stands for what nobody guesses."""
_MOST: Final = 3
_MOST_TRIED: Final = 120


class LabelGuesses:
    """Guesses labels under one policy.

    Args:
        policy: the policy.
        finder: tries them.
    """

    def __init__(self, policy: Policy, finder: CauseFinder) -> None:
        self._policy = policy
        self._finder = finder
        processes = 0
        for number, role in enumerate(policy.roles):
            if number != OBJECT_ROLE:
                processes |= role.types
        self._by_stem: defaultdict[str, list[int]] = defaultdict(list)
        for number, each in enumerate(policy.types):
            if not each.is_attribute and not processes >> number & 1:
                self._by_stem[_stem(each.name)].append(number)

    def for_vague(self, access: Access, path: str) -> list[str]:
        """Return types for an object whose own says little, the likeliest first; three at most.

        Args:
            access: the access.
            path: of the object; empty where it is not known.
        """
        types = self._policy.types
        stem = _stem(types[access.source.type].name)
        own = dict.fromkeys((_FAMILIES.get(stem, stem), stem, stem.removesuffix("d")))
        family = [each for name in own for each in self._by_stem.get(name, ())]
        return self._named(access, family, path) or self._named(access, self._by_stem.get(_SHARED, ()), path)

    def siblings(self, access: Access, path: str) -> list[str]:
        """Return types called like the object's own under which the access would be allowed; three at most.

        Args:
            access: the access.
            path: as for :meth:`for_vague`.
        """
        name = self._policy.types[access.target.type].name
        parts = name.split("_")
        if len(parts) < 4:
            return []
        prefix = "_".join((*parts[:2], ""))
        alike = [each for each in self._by_stem.get(parts[0], ()) if self._policy.types[each].name.startswith(prefix)]
        return self._named(access, alike, path)

    def _named(self, access: Access, candidates: Iterable[int], path: str) -> list[str]:
        types = self._policy.types
        others = (each for each in candidates if each != access.target.type and types[each].name not in VAGUE)
        chosen = [each for each in others if _fits(types[each].name, path)]
        ranked = [
            (is_alone, excess, place, types[each].name)
            for place, (each, is_alone, excess) in enumerate(self._finder.allowing(access, chosen[:_MOST_TRIED]))
        ]
        return [name for *_, name in sorted(ranked)][:_MOST]


def _stem(name: str) -> str:
    return name.partition("_")[0]


def _fits(name: str, path: str) -> bool:
    """Tell whether a type, by its name, is for the place where an object lies."""
    root = name.removesuffix("_t")
    for directories, ends in _PURPOSES:
        if any(root.endswith(f"_{each}") for each in ends):
            return path.startswith(directories)
    return not path.startswith(tuple(each for directories, _ in _PURPOSES for each in directories))
