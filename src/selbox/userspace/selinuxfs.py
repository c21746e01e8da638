"""Questions to the kernel or box that this program runs under, by way of ``/sys/fs/selinux``, as libselinux asks them.

Source: ``security_compute_av(3)``, ``security_get_boolean_names(3)`` and ``string_to_security_class(3)`` of libselinux.
"""

import errno
import os
from collections.abc import Mapping
from contextlib import suppress

from selbox.diagnostics import SelboxError, did_you_mean
from selbox.model.context_text import INVALID_CONTEXT
from selbox.model.rules import RuleKind
from selbox.typing import Final
from selbox.userspace.answers import BooleanState, NamedDecision, unknown_class

ROOT: Final = "/sys/fs/selinux"
_LARGEST: Final = 1 << 16
_SAFE: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
_FILES: Final = {RuleKind.TYPE_TRANSITION: "create", RuleKind.TYPE_CHANGE: "relabel", RuleKind.TYPE_MEMBER: "member"}


def is_there() -> bool:
    """Tell whether a kernel with SELinux, or a box, answers questions."""
    return os.access(f"{ROOT}/enforce", os.F_OK)


class SystemAnswers:
    """Answers by the policy of the system, or of the box.

    Every method raises SelboxError with the code ``system-call-failed`` when the system refuses to answer.
    """

    def canonical_context(self, context: str) -> str:
        """See :class:`selbox.userspace.answers.Answers`."""
        try:
            return _transaction("context", context)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise _refused(error) from None
            raise SelboxError.of(INVALID_CONTEXT, f"invalid context `{context}`") from None

    def check_class(self, object_class: str) -> None:
        """See :class:`selbox.userspace.answers.Answers`."""
        self._class(object_class)

    def compute_av(self, source: str, target: str, object_class: str) -> NamedDecision:
        """See :class:`selbox.userspace.answers.Answers`."""
        number = self._class(object_class)
        directory = f"{ROOT}/class/{object_class}/perms"
        try:
            numbers = {int(_read(f"{directory}/{name}")): name for name in os.listdir(directory)}
            words = _transaction("access", f"{source} {target} {number}").split()
        except OSError as error:
            raise _refused(error) from None
        names = tuple(numbers.get(bit, "") for bit in range(1, max(numbers, default=0) + 1))
        return NamedDecision(names, *(int(word, 16) for word in words[:4]))

    def compute(self, kind: RuleKind, source: str, target: str, object_class: str, name: str | None = None) -> str:
        """See :class:`selbox.userspace.answers.Answers`."""
        question = f"{source} {target} {self._class(object_class)}"
        if name is not None:
            question += " " + "".join(map(_escaped, os.fsencode(name)))
        try:
            return _transaction(_FILES[kind], question)
        except OSError as error:
            raise _refused(error) from None

    def booleans(self) -> Mapping[str, BooleanState]:
        """See :class:`selbox.userspace.answers.Answers`."""
        try:
            return {name: self._boolean(name) for name in sorted(os.listdir(f"{ROOT}/booleans"))}
        except OSError as error:
            raise _refused(error) from None

    @property
    def enforcing(self) -> bool:
        """Whether denials are enforced. Source: ``security_getenforce(3)``."""
        try:
            return _read(f"{ROOT}/enforce").strip() != "0"
        except OSError as error:
            raise _refused(error) from None

    def set_enforcing(self, value: bool) -> None:
        """Have denials enforced or not.

        Raises:
            SelboxError: code ``system-call-failed``, when this program may not.

        Source: ``security_setenforce(3)``.
        """
        try:
            _write(f"{ROOT}/enforce", b"%d" % value)
        except OSError as error:
            raise _refused(error) from None

    def set_booleans(self, values: Mapping[str, bool]) -> None:
        """Set booleans together.

        Raises:
            SelboxError: code ``unknown-boolean``; ``system-call-failed`` when this program may not.

        Source: ``security_set_boolean_list(3)``.
        """
        known = self.booleans()
        for name in values:
            if name not in known:
                words = f"the policy has no boolean `{name}`"
                raise SelboxError.of("unknown-boolean", words, help=did_you_mean(name, known))
        try:
            for name, value in values.items():
                _write(f"{ROOT}/booleans/{name}", b"%d" % value)
            _write(f"{ROOT}/commit_pending_bools", b"1")
        except OSError as error:
            for name in values:  # nothing is left for somebody else's commit
                with suppress(OSError):
                    _write(f"{ROOT}/booleans/{name}", b"%d" % known[name].active)
            raise _refused(error) from None

    @staticmethod
    def _boolean(name: str) -> BooleanState:
        active, pending = _read(f"{ROOT}/booleans/{name}").split()
        return BooleanState(active != "0", pending != "0")

    @staticmethod
    def _class(name: str) -> int:
        try:
            known = os.listdir(f"{ROOT}/class")
            if name not in known:  # nor is it a way out of that directory
                raise unknown_class(name, did_you_mean(name, known))
            return int(_read(f"{ROOT}/class/{name}/index"))
        except OSError as error:
            raise _refused(error) from None


def _escaped(byte: int) -> str:
    """Return a byte of an object's name as the kernel reads it. Source: ``object_name_encode`` of libselinux."""
    return chr(byte) if byte in _SAFE else "+" if byte == 0x20 else f"%{byte:02X}"


def _transaction(name: str, question: str) -> str:
    descriptor = os.open(f"{ROOT}/{name}", os.O_RDWR | os.O_CLOEXEC)
    try:
        os.write(descriptor, os.fsencode(question) + b"\0")
        return os.fsdecode(os.read(descriptor, _LARGEST).rstrip(b"\0"))
    finally:
        os.close(descriptor)


def _read(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read()


def _write(path: str, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, content)
    finally:
        os.close(descriptor)


def _refused(error: OSError) -> SelboxError:
    place = f": `{error.filename}`" if error.filename else ""
    return SelboxError.of("system-call-failed", f"the system does not answer: {error.strerror or error}{place}")
