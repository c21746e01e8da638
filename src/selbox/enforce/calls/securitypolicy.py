"""The policy in force as programs read it, and put another in its place: ``policy`` and ``load`` of selinuxfs.

Source: the kernel's ``sel_open_policy``, ``sel_write_load`` and ``security_read_policy``.
"""

import errno
import os

from selbox.audit.eventrecord import format_event, policy_loaded
from selbox.diagnostics import SelboxError
from selbox.enforce.box import Box
from selbox.enforce.changes import login_of
from selbox.enforce.needless import needless_calls
from selbox.enforce.run import require
from selbox.model.policy import Policy
from selbox.server.conversion import ContextConverter
from selbox.server.securityserver import SecurityServer
from selbox.typing import Final

VERSION: Final = 33
"""The newest binary format of policy that the kernels of today read (``policyvers``)."""

LARGEST: Final = 1 << 26
"""Bytes of a policy that is loaded (``sel_write_load``)."""


class PolicyInForce:
    """Writes down the policy in force, and puts others in force."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._image = b""
        self._seqno = 0

    def image(self) -> bytes:
        """Return the policy as the kernel would: with the present values of booleans, and without file contexts."""
        from selbox.binary.kernel import write_policy

        server = self._box.server
        if self._seqno != server.seqno:
            values = server.booleans
            booleans = tuple(each._replace(default=values[each.name]) for each in server.policy.booleans)
            try:
                self._image = write_policy(server.policy._replace(booleans=booleans), VERSION)
            except SelboxError:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL)) from None
            self._seqno = server.seqno
        return self._image

    def load(self, pid: int, data: bytes) -> None:
        """Put a policy in force, with the file contexts of the one before.

        Args:
            pid: the process that does it, which may.
            data: a kernel policy.

        Raises:
            OSError: EINVAL for what is no policy, or one that no box can enforce; EOPNOTSUPP for one under which calls
                would have to be asked about that the box's filter spares.
        """
        from selbox.binary.kernel import read_policy
        from selbox.diagnostics import Diagnostics

        box = self._box
        server = box.server
        try:
            policy = read_policy(data, "/sys/fs/selinux/load", Diagnostics())
            new = SecurityServer(policy, enforcing=server.enforcing)
            require(new)
        except SelboxError:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL)) from None
        if not box.settings.spared <= needless_calls(new, self._domains_under(new)):
            box.recorder.hindrances["a policy was not loaded: it asks about calls that the first one made needless"] = (
                None
            )
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        server.load_policy(_with_labels(policy, server.policy, enforcing=server.enforcing))
        box.labels.policy_changed()
        box.walker.known.forget()
        box.recorder.write(format_event(policy_loaded(box.recorder.stamp(pid), login_of(pid))))

    def _domains_under(self, new: SecurityServer) -> set[int]:
        """Return the SIDs that the box's domains will have."""
        sids = set()
        for sid in self._box.tasks.domains():
            try:
                sids.add(new.context_to_sid(self._box.server.sid_to_context(sid)))
            except SelboxError:  # it does not know the context
                sids.add(new.initial_sid("unlabeled"))
        return sids


def _with_labels(new: Policy, old: Policy, *, enforcing: bool) -> Policy:
    """Return a policy with the file contexts of another, as far as it knows them: a kernel policy has none."""
    convert = ContextConverter(old, new, None, enforcing)
    entries = []
    for entry in old.file_contexts:
        context = None if entry.context is None else convert(entry.context)
        if not isinstance(context, str):
            entries.append(entry._replace(context=context))
    return new._replace(file_contexts=tuple(entries), path_substitutions=old.path_substitutions, origins=old.origins)
