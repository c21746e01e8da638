"""A valid context for a domain that is named by its type alone."""

from selbox.diagnostics import SelboxError, did_you_mean
from selbox.model.context import Context
from selbox.server.securityserver import SecurityServer
from selbox.server.typecontext import process_context


def domain_context(server: SecurityServer, domain: str) -> Context:
    """Return a valid context with a domain's type: the initial SID kernel's user, role and low level where they fit.

    Raises:
        SelboxError: ``unknown-domain``, for a type that does not exist or that no user and role may have.
    """
    policy = server.policy
    type_id = policy.type_ids.get(domain)
    if type_id is None or policy.types[type_id].is_attribute:
        names = [each.name for each in policy.types if not each.is_attribute]
        raise SelboxError.of("unknown-domain", f"the policy has no type `{domain}`", help=did_you_mean(domain, names))
    context = process_context(policy, type_id)
    if context is not None:
        return context
    kernel = server.context_of(server.initial_sid("kernel"))
    raise SelboxError.of(
        "unknown-domain",
        f"no user and role of the policy may have the type `{domain}`",
        help=f"add `(roletype {policy.roles[kernel.role].name} {domain})`",
    )
