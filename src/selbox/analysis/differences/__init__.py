"""What differs between two policies: in what they are made of, and in what can be done under them.

Whoever compares calls :func:`selbox.analysis.differences.compare.compare`; nothing here reads files.
"""
