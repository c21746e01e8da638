"""Where an object manager's policy comes from, and whether that has changed since it was read."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from selbox.diagnostics import Diagnostic, Diagnostics, SelboxError
from selbox.model.policy import Policy
from selbox.userspace.notes import shown_in_full

_State = tuple[int, int, int, int, int] | None


class PolicySource:
    """Policy files, or one policy that is no file.

    Args:
        paths: the files.
        policy: the policy that is no file; there are no files then.
        base: whether the base policy is taken with the files.
    """

    def __init__(self, paths: tuple[str, ...], policy: Policy | None, base: bool) -> None:
        self._paths = paths
        self._policy = policy
        self.base = base
        # INVARIANT: of when the files were last read; None when it is not known whether what was read is in force.
        self._states: tuple[_State, ...] | None = () if policy is not None else None
        self._faults: tuple[Diagnostic, ...] = ()

    @classmethod
    def of(cls, given: "Sequence[str | os.PathLike[str] | Policy]", base: bool) -> "PolicySource":
        """Return the source that arguments of a call name.

        Raises:
            SelboxError: code ``policy-not-alone``, when a loaded policy is given together with something else.
        """
        policy = next((each for each in given if isinstance(each, Policy)), None)
        if policy is not None and len(given) > 1:
            raise SelboxError.of("policy-not-alone", "a policy that is loaded already is whole: give it alone")
        return cls(tuple(os.fspath(each) for each in given if not isinstance(each, Policy)), policy, base)

    def load(self, diagnostics: Diagnostics) -> Policy:
        """Read and compile the files.

        Args:
            diagnostics: takes the warnings.

        Raises:
            SelboxError: with everything that is wrong with them.
        """
        if self._policy is not None:
            return self._policy
        from selbox.store.policyfiles import load_policy  # a policy that is loaded already does without the compiler

        with shown_in_full():
            return load_policy(self._paths, self.base, diagnostics, empty=False)

    @contextmanager
    def being_read(self) -> Iterator[None]:
        """Keep what the files are, and what turns out to be wrong with them, while they are read and put in force."""
        # Looked at before they are read: what changes meanwhile is seen to have changed.
        states = tuple(map(_state, self._paths))
        self._states, self._faults = None, ()
        try:
            yield
        except SelboxError as error:
            self._states, self._faults = states, error.diagnostics
            raise
        self._states = states

    def has_changed(self) -> bool:
        """Tell whether one of the files is another, or no longer there, or there again, since it was last read.

        Raises:
            SelboxError: with what was wrong with the files when they were last read, as long as they are the same.
        """
        if self._states is None or tuple(map(_state, self._paths)) != self._states:
            return True
        if self._faults:
            with shown_in_full():
                raise SelboxError(*self._faults)
        return False


def _state(path: str) -> _State:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
