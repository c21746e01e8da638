"""The parts of a module as CIL, one file each; ``selbox.compiler.text.module`` puts them together.

The text is that of ``pp``, libsepol's own translator, to the byte, so that whoever compares the two sees nothing.
"""
