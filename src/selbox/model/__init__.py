"""The policy as an immutable value: symbols, rules, constraints, contexts, levels and ranges.

Every room above builds, reads or renders these values; this one does no input or output and takes no decisions.
"""
