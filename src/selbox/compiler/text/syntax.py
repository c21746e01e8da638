"""What the writers of CIL and of the policy language share: how a language says what both of them can say."""

from collections.abc import Callable, Mapping

from selbox.compiler.text.expressions import Notation
from selbox.model.constraint import CompareAttributes, CompareNames
from selbox.model.context import Context
from selbox.model.labelling import FileKind
from selbox.model.mls import LevelRange
from selbox.model.policy import Policy
from selbox.typing import NamedTuple


class Syntax(NamedTuple):
    """The forms of one language; texts in braces are fields of :meth:`str.format`.

    Attributes:
        rule_words: keyword of each kind of type enforcement rule (``RuleKind`` values).
        rule_start: what stands before the keyword.
        target_end: what follows the target of a rule.
        access_end: class and permissions of an access rule after it, as a ``%`` template; type_end: class and resulting
            type of a type rule, likewise.
        extended_words: keyword of each ``ExtendedKind``.
        extended_rule: fields keyword, source, target, permission, object_class, numbers.
        number_range: fields low and high.
        named_transition: fields source, target, object_class, name, result.
        range_transition: fields source, target, object_class, range.
        role_transition: fields source, target, object_class, result.
        role_allow: fields source and target.
        constrain: fields keyword, object_class, permissions, expression.
        validate_transition: fields keyword, object_class, expression.
        constraint_operators, condition_operators: connectives of expressions.
        users_follow_levels: whether users are unknown yet where constraints about levels stand, so that a constraint
            about both stands with the others.
        compare_attributes, compare_names: texts of the comparisons of constraints.
        sid_context: fields name and context; filesystem_use: behaviour, filesystem, context; genfs: filesystem, path,
            kind, context; port, infiniband_key, xen_port, xen_memory: range, context and what tells them apart; node:
            address, mask, context; interface: name, interface, packet; the others' fields are likewise named.
        is_filesystem, is_device: whether the name of a file system, or of an interface or device, can be written.
        can_quote: whether a text can stand between quotes.
        is_file_name: whether a named transition can ask for a name.
        word: how a name stands that is no identifier of the policy, such as that of a file system.
        file_kinds: how a ``genfscon`` names a kind of file, with a blank after it.
        number_pair: a range of ports or the like: fields low and high.
        range_text, context_text: levels and contexts.
    """

    rule_words: Mapping[int, str]
    rule_start: str
    target_end: str
    access_end: str
    type_end: str
    extended_words: Mapping[int, str]
    extended_rule: str
    number_range: str
    named_transition: str
    range_transition: str
    role_transition: str
    role_allow: str
    constrain: str
    validate_transition: str
    constraint_operators: Mapping[object, Notation]
    condition_operators: Mapping[object, Notation]
    users_follow_levels: bool
    compare_attributes: Callable[[CompareAttributes], str]
    compare_names: Callable[[Policy, CompareNames], str]
    is_filesystem: Callable[[str], bool]
    is_device: Callable[[str], bool]
    can_quote: Callable[[str], bool]
    is_file_name: Callable[[str], bool]
    word: Callable[[str], str]
    sid_context: str
    filesystem_use: str
    genfs: str
    port: str
    node: str
    interface: str
    infiniband_key: str
    infiniband_port: str
    xen_interrupt: str
    xen_port: str
    xen_memory: str
    xen_device: str
    xen_device_tree: str
    file_kinds: Mapping[FileKind, str]
    number_pair: str
    range_text: Callable[[Policy, LevelRange], str]
    context_text: Callable[[Policy, Context], str]
