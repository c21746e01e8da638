"""The library for userspace object managers: programs that own objects and ask the policy who may do what with them.

It puts the security server, the access vector cache, the audit and the reading of policy files together; it decides
nothing by itself, and supervises nobody.
"""
