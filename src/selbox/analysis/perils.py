"""What should not be granted without a thought: permissions and types that undo what a policy is for."""

from collections.abc import Collection, Iterator

from selbox.model.policy import Policy
from selbox.model.rules import RuleKind
from selbox.typing import Final

_MODES: Final = (
    "whatever its owner and mode; mostly one file has the wrong ones: look for it in the PATH records of the same event"
)
_CAPABILITIES: Final = {
    "dac_override": f"lets it read and write every file, {_MODES}",
    "dac_read_search": f"lets it read every file, {_MODES}",
    "sys_admin": "stands for a great many unrelated operations, and comes near to being root",
    "sys_module": "lets it load code into the kernel",
    "sys_rawio": "lets it reach memory and devices past the kernel",
    "sys_ptrace": "lets it look into and change every process that policy lets it trace",
    "mac_admin": "lets it set labels that the policy does not know",
    "mac_override": "lets it pass over other security modules",
    "setfcap": "lets it give capabilities to programs",
}
_MEMORY: Final = (
    "makes memory that is written executable, which attacks on programs need; mostly the program, or a library, can be "
    "built otherwise"
)
_PROCESS: Final = {
    "execmem": _MEMORY,
    "execstack": _MEMORY,
    "execheap": _MEMORY,
    "ptrace": "lets it take the other process over",
    "setcurrent": "lets a process change its own domain while it runs",
    "dyntransition": "lets a process change its own domain while it runs",
}
_PERMISSIONS: Final = {
    "capability": _CAPABILITIES,
    "capability2": _CAPABILITIES,
    "cap_userns": _CAPABILITIES,
    "process": _PROCESS,
    "file": {
        "execmod": _MEMORY,
        "entrypoint": "makes these programs a way into the domain; domains are mostly entered by programs of their own",
    },
    "security": {
        "load_policy": "lets it replace the policy",
        "setenforce": "lets it switch enforcing off",
        "setbool": "lets it change the policy by its booleans",
        "setsecparam": "lets it change how the policy is enforced",
    },
    "system": {"module_load": "lets it load code into the kernel"},
}
_TARGETS: Final = {
    "shadow_t": "holds the hashes of passwords",
    "memory_device_t": "is the memory of the whole system",
    "fixed_disk_device_t": "is the disks themselves, with all files whatever their labels",
    "auditd_log_t": "is the record of what was done",
    "security_t": "is the policy's own interface",
    "unlabeled_t": "stands for whatever has no valid label: label the object instead",
    "file_t": "stands for files without a label: label the file instead",
    "default_t": "stands for files that no file context describes: label the file instead",
}
_REACHING: Final = frozenset({"read", "write", "append", "create", "open", "map", "execute", "unlink", "rename"})
_CHANGING: Final = frozenset({"write", "append", "create", "relabelto", "rename", "link"})
_EXECUTING: Final = frozenset({"execute", "execute_no_trans", "entrypoint"})
_SHOWN: Final = 3

_LARGEST_SHARE: Final = 3
"""An attribute of more than one in so many types says nothing about any of them."""


class Perils:
    """Knows what is perilous under one policy.

    Args:
        policy: the policy.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._attributes = [(number, each.types) for number, each in enumerate(policy.types) if each.is_attribute]
        self._executing: dict[int, set[int]] | None = None
        self._known: dict[int, frozenset[int]] = {}

    @staticmethod
    def may_be(target: str, object_class: str) -> bool:
        """Tell whether :meth:`of` may have anything to say of a target and a class: of most it has not."""
        return object_class in _PERMISSIONS or target in _TARGETS

    def of(self, source: str, target: str, object_class: str, permissions: Collection[str]) -> Iterator[str]:
        """Yield what is to be thought about before a rule is written, a sentence each.

        Args:
            source: type.
            target: type.
            object_class: name of the class.
            permissions: names.
        """
        perilous = _PERMISSIONS.get(object_class)
        if perilous:
            for name in permissions:
                words = perilous.get(name)
                if words:
                    yield f"{name} {words}"
        words = _TARGETS.get(target)
        if words and not _REACHING.isdisjoint(permissions):
            yield f"{target} {words}"
        if object_class == "file" and not _CHANGING.isdisjoint(permissions):
            yield from self._executed(source, target)

    def _executed(self, source: str, target: str) -> Iterator[str]:
        ids = self._policy.type_ids
        if source not in ids or target not in ids:
            return
        types = self._policy.types
        others = sorted(types[each].name for each in self._executors(ids[target]) if each != ids[source])
        if others:
            more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
            yield (
                f"{', '.join(others[:_SHOWN])}{more} execute{'s' if len(others) == 1 else ''} files of {target}: "
                f"whoever takes {source} over could run programs there"
            )

    def _executors(self, target: int) -> frozenset[int]:
        """Return the types and attributes that rules about a type, or about few types, let execute it."""
        found = self._known.get(target)
        if found is None:
            by_target = self._by_target()
            attributes = (number for number, types in self._attributes if types >> target & 1)
            sources = (by_target[entry] for entry in (target, *attributes) if entry in by_target)
            found = self._known[target] = frozenset().union(*sources)
        return found

    def _by_target(self) -> dict[int, set[int]]:
        if self._executing is None:
            found: dict[int, set[int]] = {}
            policy = self._policy
            rules, types = policy.rules, policy.types
            number = policy.class_ids.get("file")
            names = policy.classes[number].permissions if number is not None else ()
            wanted = sum(1 << bit for bit, name in enumerate(names) if name in _EXECUTING)
            data = rules.data
            for row, object_class in enumerate(rules.object_class):
                if object_class == number and data[row] & wanted and rules.kind[row] == RuleKind.ALLOW:
                    target, source = rules.target[row], rules.source[row]
                    if _LARGEST_SHARE * types[target].types.bit_count() < len(types):
                        found.setdefault(target, set()).add(source)
            self._executing = found
        return self._executing
