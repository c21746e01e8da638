"""The kernel's binary policy and module packages, as bytes, read and written.

Called by the rooms that load or make policies; it never touches files and takes no decisions.
"""
