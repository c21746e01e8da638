"""The scenarios: a module for each, with one question.

Attributes of such a module:
    DOMAINS: its domains, space-separated.
    OBJECTS: types of objects, space-separated.
    RULES: further statements of its policy, in CIL; its types go by the names above, any other type by a leading dot.
    scenario: what is done; called with a :class:`tests.judge.stage.Stage`.
"""
