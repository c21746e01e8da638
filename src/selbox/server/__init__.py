"""The security server: SIDs, contexts, access decisions and transitions, decided from a Policy as the kernel does.

Callers are the access vector cache and object managers; it does no input or output and enforces nothing.
"""
