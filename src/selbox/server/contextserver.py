"""SIDs and contexts of a security server: text to SID and back, and what the policy labels by name or address."""

from selbox.diagnostics import SelboxError
from selbox.model.context import Context
from selbox.model.context_text import INVALID_CONTEXT, format_context, format_range, parse_context
from selbox.model.labelling import FileKind
from selbox.model.policy import Policy
from selbox.server.conversion import known_context
from selbox.server.labelling import (
    filesystem_use,
    generic_filesystem_context,
    infiniband_key_context,
    infiniband_port_context,
    interface_context,
    node_context,
    port_context,
)
from selbox.server.policyholder import PolicyHolder
from selbox.server.state import PolicyState
from selbox.server.validity import context_fault
from selbox.typing import NamedTuple


class FilesystemLabel(NamedTuple):
    """How the files of a file system get their labels.

    Attributes:
        behaviour: from attributes, tasks or transitions (``fsuse``); ``genfs`` where ``genfscon`` labels them by path;
            ``none`` where the policy says nothing.
        sid: the file system's own label.
    """

    behaviour: str
    sid: int


class ContextServer(PolicyHolder):
    """Gives SIDs to contexts, and contexts to what has none of its own."""

    @property
    def sid_count(self) -> int:
        """How many SIDs there are."""
        return len(self._state.sids)

    # --- Contexts --------------------------------------------------------------------------------------------------

    def initial_sid(self, name: str) -> int:
        """Return the SID of an initial SID's name, such as ``kernel``.

        Raises:
            SelboxError: code ``missing-initial-sid``.
        """
        return self._state.sids.initial(name)

    def context_to_sid(self, text: str) -> int:
        """Return the SID of a context given as text.

        Raises:
            SelboxError: code ``invalid-context``.

        Source: the kernel's ``security_context_to_sid``.
        """
        state = self._state
        known = state.sids.sid_of_text(text)
        if known is not None:
            return known
        context = parse_context(state.policy, text)
        _check(state.policy, context, text)
        return state.sids.remember(text, state.sids.sid(context))

    def context_to_sid_force(self, text: str) -> int:
        """Return the SID of a context given as text, also of one that the policy does not know.

        Such a SID is decided about as ``unlabeled`` until a policy is loaded that knows it.

        Raises:
            SelboxError: code ``invalid-context``, for no text at all.

        Source: the kernel's ``security_context_to_sid_force``.
        """
        if not text:
            raise SelboxError.of(INVALID_CONTEXT, "an empty text is no security context")
        state = self._state
        return state.sids.sid(known_context(state.policy, text) or text)

    def context_to_sid_default(self, text: str, default: int) -> int:
        """Return the SID of a context as it was stored with an object, perhaps under a policy with or without MLS.

        Args:
            text: the context. A range that it lacks is that of ``default``; one that the policy has no use for is
                ignored. One that the policy does not know is kept, as by :meth:`context_to_sid_force`.
            default: SID of the context that gives the range.

        Raises:
            SelboxError: code ``unknown-sid``.

        Source: the kernel's ``security_context_to_sid_default``.
        """
        state = self._state
        parts = text.split(":", 3)
        completed = text
        if not state.policy.mls:
            completed = ":".join(parts[:3])
        elif len(parts) == 3:
            completed = f"{text}:{format_range(state.policy, state.sids.context(default).range)}"
        return state.sids.sid(known_context(state.policy, completed) or text)

    def sid_for(self, context: Context) -> int:
        """Return the SID of a context.

        Raises:
            SelboxError: code ``invalid-context``.
        """
        state = self._state
        _check(state.policy, context, None)
        return state.sids.sid(context)

    def sid_to_context(self, sid: int) -> str:
        """Return the canonical text of the context that decisions about a SID are taken for.

        Raises:
            SelboxError: code ``unknown-sid``.

        Source: the kernel's ``security_sid_to_context``.
        """
        return self._state.sids.canonical_text(sid)

    def sid_to_context_force(self, sid: int) -> str:
        """Return the text of a SID's context: as it was given, where the policy does not know it.

        Raises:
            SelboxError: code ``unknown-sid``.

        Source: the kernel's ``security_sid_to_context_force``.
        """
        sids = self._state.sids
        return sids.text(sid) or sids.canonical_text(sid)

    def context_of(self, sid: int) -> Context:
        """Return the context that decisions about a SID are taken for.

        Raises:
            SelboxError: code ``unknown-sid``.
        """
        return self._state.sids.context(sid)

    # --- Labels of what carries none -------------------------------------------------------------------------------

    def port_sid(self, protocol: str, port: int) -> int:
        """Return the SID of a port; see :func:`selbox.server.labelling.port_context`.

        Raises:
            SelboxError: code ``missing-initial-sid``, when the policy labels it neither itself nor by an initial SID.

        Source: the kernel's ``security_port_sid``.
        """
        state = self._state
        return _sid_or_initial(state, port_context(state.policy, protocol, port), "port")

    def node_sid(self, address: bytes) -> int:
        """Return the SID of a network node; see :func:`selbox.server.labelling.node_context`.

        Raises:
            SelboxError: as :meth:`port_sid`.

        Source: the kernel's ``security_node_sid``.
        """
        state = self._state
        return _sid_or_initial(state, node_context(state.policy, address), "node")

    def interface_sids(self, name: str) -> tuple[int, int]:
        """Return the SIDs of a network interface and of its unlabelled packets.

        Raises:
            SelboxError: as :meth:`port_sid`.

        Source: the kernel's ``security_netif_sid``, which needs the first alone.
        """
        state = self._state
        found = interface_context(state.policy, name)
        return (
            _sid_or_initial(state, found and found.interface, "netif"),
            _sid_or_initial(state, found and found.packet, "netmsg"),
        )

    def infiniband_key_sid(self, subnet_prefix: bytes, key: int) -> int:
        """Return the SID of a partition key; see :func:`selbox.server.labelling.infiniband_key_context`.

        Raises:
            SelboxError: as :meth:`port_sid`.

        Source: the kernel's ``security_ib_pkey_sid``.
        """
        state = self._state
        return _sid_or_initial(state, infiniband_key_context(state.policy, subnet_prefix, key), "unlabeled")

    def infiniband_port_sid(self, device: str, port: int) -> int:
        """Return the SID of a subnet management interface.

        Raises:
            SelboxError: as :meth:`port_sid`.

        Source: the kernel's ``security_ib_endport_sid``.
        """
        state = self._state
        return _sid_or_initial(state, infiniband_port_context(state.policy, device, port), "unlabeled")

    def filesystem_sid(self, filesystem: str) -> FilesystemLabel:
        """Return how a file system's files are labelled, and its own SID.

        Raises:
            SelboxError: as :meth:`port_sid`.

        Source: the kernel's ``security_fs_use``.
        """
        state = self._state
        use = filesystem_use(state.policy, filesystem)
        if use is not None:
            return FilesystemLabel(use.behaviour.value, _sid_or_initial(state, use.context, "unlabeled"))
        root = generic_filesystem_context(state.policy, filesystem, "/", FileKind.DIRECTORY)
        return FilesystemLabel("none" if root is None else "genfs", _sid_or_initial(state, root, "unlabeled"))

    def generic_filesystem_sid(self, filesystem: str, path: str, kind: FileKind = FileKind.ANY) -> int:
        """Return the SID of a path in a file system; see :func:`selbox.server.labelling.generic_filesystem_context`.

        Raises:
            SelboxError: as :meth:`port_sid`.

        Source: the kernel's ``security_genfs_sid``.
        """
        state = self._state
        found = generic_filesystem_context(state.policy, filesystem, path, kind)
        return _sid_or_initial(state, found, "unlabeled")


def _sid_or_initial(state: PolicyState, context: Context | None, initial: str) -> int:
    return state.sids.initial_or_unlabeled(initial) if context is None else state.sids.sid(context)


def _check(policy: Policy, context: Context, text: str | None) -> None:
    fault = context_fault(policy, context)
    if fault:
        shown = text or format_context(policy, context)
        raise SelboxError.of(INVALID_CONTEXT, f"invalid context `{shown}`: {fault}")
