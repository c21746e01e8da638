"""Rules beside the type enforcement rules: named, range and role transitions, and changes of role, as text."""

from selbox.compiler.text.syntax import Syntax
from selbox.model.policy import Policy


def named_transition_lines(policy: Policy, syntax: Syntax) -> list[str]:
    """Return the sorted type transitions that ask for an object's name, each once, but for those without a text."""
    types, classes = policy.types, policy.classes
    return sorted(
        {
            syntax.named_transition.format(
                source=types[rule.source].name,
                target=types[rule.target].name,
                object_class=classes[rule.object_class].name,
                name=rule.name,
                result=types[rule.result].name,
            )
            for rule in policy.named_transitions
            if syntax.is_file_name(rule.name)
        }
    )


def range_transition_lines(policy: Policy, syntax: Syntax) -> list[str]:
    """Return the sorted range transitions, each once; none in a policy without MLS."""
    if not policy.mls:
        return []
    types, classes = policy.types, policy.classes
    ranges = [syntax.range_text(policy, each) for each in policy.ranges]
    return sorted(
        {
            syntax.range_transition.format(
                source=types[rule.source].name,
                target=types[rule.target].name,
                object_class=classes[rule.object_class].name,
                range=ranges[rule.range],
            )
            for rule in policy.range_transitions
        }
    )


def role_lines(policy: Policy, syntax: Syntax) -> list[str]:
    """Return the sorted role transitions, each once, then the sorted changes of role that are allowed.

    Of these there are as many as in the file, which has each as often as it was written.
    """
    roles, types, classes = policy.roles, policy.types, policy.classes
    transitions = {
        syntax.role_transition.format(
            source=roles[rule.source].name,
            target=types[rule.target].name,
            object_class=classes[rule.object_class].name,
            result=roles[rule.result].name,
        )
        for rule in policy.role_transitions
    }
    allows = [
        syntax.role_allow.format(source=roles[rule.source].name, target=roles[rule.target].name)
        for rule in policy.role_allows
    ]
    return sorted(transitions) + sorted(allows)
