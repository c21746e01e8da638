"""The tokens of CIL as one regular expression.

Source: the SELinux project's CIL reference; the characters of a symbol are those that ``secilc`` takes.
"""

import re

OPEN_GROUP = 1
CLOSE_GROUP = 2
ATOM_GROUP = 3
STRING_GROUP = 4
UNENDED_GROUP = 5
STRAY_GROUP = 6

TOKENS = re.compile(
    r"""(\()                                            # 1: a form opens
    |(\))                                               # 2: a form closes
    |([\w\[\].@=/*\-$%+!|&^:~`\#{}'<>?,]+)              # 3: a symbol
    |("[^"\n]*")                                        # 4: a string; its quotes are not part of it
    |(")                                                # 5: a string that its line does not end
    |([^\s;])                                           # 6: nothing that CIL knows
    |;[^\n]*                                            # a comment, also a line mark (;;*) of a translated module
    """,
    re.VERBOSE | re.ASCII,
)
"""Blanks are skipped by searching; ``Match.lastindex`` is one of the group numbers above, or None for a comment."""
