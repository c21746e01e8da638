"""What can be asked of a whole policy. It is given policies and questions, and returns values; it touches no file.

Queries are here by name, and imported when they are first asked for::

    from selbox.analysis import Catalogue, NameCriterion, RuleQuery
"""

TYPE_CHECKING = False  # as in selbox itself: who asks for one module does not pay for more
if TYPE_CHECKING:
    from selbox.analysis.catalogue import Catalogue
    from selbox.analysis.components import ComponentQuery, NumbersCriterion
    from selbox.analysis.criteria import (
        BooleanCriterion,
        ClassCriterion,
        ExtendedPermissionCriterion,
        NameCriterion,
        PermissionCriterion,
    )
    from selbox.analysis.domaintransitions import DomainTransitions
    from selbox.analysis.effective import EffectiveAccessQuery
    from selbox.analysis.identityquery import RangeTransitionQuery, RoleRuleQuery
    from selbox.analysis.informationflow import InformationFlow
    from selbox.analysis.rulequery import RuleQuery
    from selbox.analysis.table import Table

__all__ = [
    "BooleanCriterion",
    "Catalogue",
    "ClassCriterion",
    "ComponentQuery",
    "DomainTransitions",
    "EffectiveAccessQuery",
    "ExtendedPermissionCriterion",
    "InformationFlow",
    "NameCriterion",
    "NumbersCriterion",
    "PermissionCriterion",
    "RangeTransitionQuery",
    "RoleRuleQuery",
    "RuleQuery",
    "Table",
]

_HOMES = {
    "BooleanCriterion": "criteria",
    "Catalogue": "catalogue",
    "ClassCriterion": "criteria",
    "ComponentQuery": "components",
    "DomainTransitions": "domaintransitions",
    "EffectiveAccessQuery": "effective",
    "ExtendedPermissionCriterion": "criteria",
    "InformationFlow": "informationflow",
    "NameCriterion": "criteria",
    "NumbersCriterion": "components",
    "PermissionCriterion": "criteria",
    "RangeTransitionQuery": "identityquery",
    "RoleRuleQuery": "identityquery",
    "RuleQuery": "rulequery",
    "Table": "table",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
