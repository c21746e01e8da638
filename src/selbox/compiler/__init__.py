"""Syntax trees to a Policy: the passes of compilation, one file each. Reads text that it is given, never files."""
