"""The sections of a policy module, one file each; ``selbox.binary.module`` puts them together.

Nothing outside of ``selbox.binary`` reads with them; what they return (``values``) is for everybody.
"""
