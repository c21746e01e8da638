"""The sections of a policy module as bytes, one file each; ``selbox.binary.modulewriter`` puts them together.

Each file writes what the file of the same name in ``selbox.binary.modulesections`` reads. Nothing outside of
``selbox.binary`` writes with them.
"""
