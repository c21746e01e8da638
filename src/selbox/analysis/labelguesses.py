"""Labels that an object might be given so that a source may reach it: guesses by names and paths, each tried."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

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
NO_LABEL: Final = frozenset({"default_t"})
"""Types that file contexts give to what they do not describe: nobody relabels anything so."""
OF_HOMES: Final = frozenset({"user_home_t"})
"""Types of files in home directories, of which hardly any service is to know."""
WITHOUT_LABEL: Final = frozenset({"unlabeled_t", "file_t"})
"""Types that stand for objects without a valid label."""

_FAMILIES: Final = {"smbd": "samba", "nmbd": "samba", "winbind": "samba"}
"""What the types of a program's files are called where that is not like the program's own."""
_SHARED: Final = "public"
"""What the types of files are called that several services share."""
_PURPOSES: Final = (
    (("/run/", "/var/run/"), (), ("runtime", "var_run")),
    (("/tmp/", "/var/tmp/"), (), ("tmp",)),  # noqa: S108 - nothing is written there
    (("/dev/shm/",), (), ("tmpfs",)),  # noqa: S108 - likewise
    (("/var/log/",), ("log", "logs"), ("log", "var_log")),
    (("/var/lock/",), (), ("lock",)),
    (("/var/cache/",), ("cache",), ("cache",)),
    (("/var/lib/",), (), ("var_lib", "lib")),
    (("/var/spool/",), ("spool",), ("spool",)),
    (("/etc/",), (), ("etc", "conf", "config")),
    ((), (), ("cert", "key", "keysign", "keytab", "passwd", "secrets", "shadow", "unit")),
    (("/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"), (), ("exec",)),
)
"""Where files lie, by directories and by parts of paths, and ends of the names of their types, before ``_t``; nowhere
stands for what nobody guesses."""
_GENERAL: Final = {"log": "var_log_t"}
"""Types for every service, by the last of the ends above."""
_WRITABLE: Final = "rw"
"""What stands in the names of types that are like others and may be written."""
_RELOCATED: Final = "textrel_shlib_t"
"""What libraries are labelled whose code is changed where it lies."""
_PROGRAM: Final = "_exec_t"
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
        ids = self._policy.type_ids
        general = [ids[name] for end, name in _GENERAL.items() if name in ids and _lies(path, end)]
        return (
            self._named(access, family, path)
            or self._ranked(access, general)
            or self._named(access, self._by_stem.get(_SHARED, ()), path)
        )

    def siblings(self, access: Access, path: str) -> list[str]:
        """Return types called like the object's own under which the access would be allowed; three at most.

        Args:
            access: the access.
            path: as for :meth:`for_vague`.
        """
        alike = self._alike(access)
        return self._named(access, alike, path) if alike else []

    def relocated(self, access: Access) -> list[str]:
        """Return the type of libraries whose code is changed where it lies, if it would allow the access."""
        found = self._policy.type_ids.get(_RELOCATED)
        return self._ranked(access, [found]) if found is not None else []

    def writable(self, access: Access) -> list[int]:
        """Return types, by id, that are like the object's own, but for being written."""
        root = self._policy.types[access.target.type].name.removesuffix("_t")
        base, _, last = root.rpartition("_")
        names = f"{base}_{_WRITABLE}_{last}_t", f"{root}_{_WRITABLE}_t"
        return [self._policy.type_ids[each] for each in names if each in self._policy.type_ids]

    def programs(self, access: Access) -> list[int]:
        """Return types of programs, by id, that are called like the object's own."""
        types = self._policy.types
        return [each for each in self._alike(access) if types[each].name.endswith(_PROGRAM)]

    def _alike(self, access: Access) -> list[int]:
        name = self._policy.types[access.target.type].name
        parts = name.split("_")
        if len(parts) < 4:
            return []
        prefix = "_".join((*parts[:2], ""))
        return [each for each in self._by_stem.get(parts[0], ()) if self._policy.types[each].name.startswith(prefix)]

    def _named(self, access: Access, candidates: Iterable[int], path: str) -> list[str]:
        types = self._policy.types
        others = (each for each in candidates if each != access.target.type and types[each].name not in VAGUE)
        return self._ranked(access, [each for each in others if _fits(types[each].name, path)])

    def _ranked(self, access: Access, chosen: Sequence[int]) -> list[str]:
        types = self._policy.types
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
    for _, _, ends in _PURPOSES:
        if any(root.endswith(f"_{each}") for each in ends):
            return _lies(path, ends[0])
    return not any(_lies(path, ends[0]) for _, _, ends in _PURPOSES)


def _lies(path: str, purpose: str) -> bool:
    """Tell whether a path is one where files of a purpose lie, which the first of the ends of names tells."""
    parts = path.split("/")
    return any(
        path.startswith(directories) or not set(names).isdisjoint(parts)
        for directories, names, ends in _PURPOSES
        if ends[0] == purpose
    )
