"""Contexts that people give to a box: written out, by a domain's type alone, or as those of init."""

from stat import S_IFREG

from selbox.diagnostics import SelboxError, did_you_mean
from selbox.model.context import Context
from selbox.model.context_text import INVALID_CONTEXT, format_context
from selbox.server.securityserver import SecurityServer
from selbox.server.typecontext import process_context, type_context
from selbox.store.filecontexts import FileContexts
from selbox.typing import Final

_INIT_PATHS: Final = ("/sbin/init", "/usr/lib/systemd/systemd", "/etc/init", "/bin/init")


def written_sid(server: SecurityServer, text: str) -> int:
    """Return the SID of a context that was written out.

    Raises:
        SelboxError: ``invalid-context``; where only a type was written, with the context that it stands in.
    """
    policy = server.policy
    type_id = policy.type_ids.get(text)
    if type_id is not None and not policy.types[type_id].is_attribute:
        whole = format_context(policy, type_context(policy, type_id))
        words = f"invalid context `{text}`: it is a type, and a security context has a user and a role, too"
        raise SelboxError.of(INVALID_CONTEXT, words, help=f"write `{whole}`")
    return server.context_to_sid(text)


def domain_context(server: SecurityServer, domain: str) -> Context:
    """Return a valid context with a domain's type: the initial SID kernel's user, role and low level where they fit.

    Raises:
        SelboxError: ``unknown-domain``, for a type that does not exist or that no user and role may have.
    """
    policy = server.policy
    type_id = policy.type_ids.get(domain)
    if type_id is None or policy.types[type_id].is_attribute:
        names = [each.name for each in policy.types if not each.is_attribute]
        advice = "a whole context is given by --context" if ":" in domain else did_you_mean(domain, names)
        raise SelboxError.of("unknown-domain", f"the policy has no type `{domain}`", help=advice)
    context = process_context(policy, type_id)
    if context is not None:
        return context
    kernel = server.context_of(server.initial_sid("kernel"))
    raise SelboxError.of(
        "unknown-domain",
        f"no user and role of the policy may have the type `{domain}`",
        help=f"add `(roletype {policy.roles[kernel.role].name} {domain})`",
    )


def init_sid(server: SecurityServer) -> int:
    """Return the SID of init: of the domain that the kernel comes into when it runs the first program of a system.

    Raises:
        SelboxError: ``no-init-domain``, where the policy does not label that program, or has no domain for it.

    Source: the kernel's ``kernel_init``, which tries these paths; the first leads to systemd where that is used.
    """
    contexts = FileContexts.of(server.policy)
    kernel, process = server.initial_sid("kernel"), server.policy.class_ids["process"]
    for path in _INIT_PATHS:
        entry = contexts.lookup(path, S_IFREG)
        if entry is not None and entry.context is not None:
            found = server.compute_create(kernel, server.sid_for(entry.context), process)
            if found != kernel:
                return found
    raise SelboxError.of(
        "no-init-domain",
        f"the policy has no domain for init: none of {', '.join(f'`{each}`' for each in _INIT_PATHS)} leads out of "
        f"`{server.sid_to_context(kernel)}`",
        help="name the file contexts that belong to the policy with --file-contexts, or a context with --from",
    )
