"""Which statements CIL has, and the outer form of each: how many arguments it takes, atoms or forms.

Source: the SELinux project's CIL reference guide, and what ``secilc`` accepts.
"""

from selbox.language.cil.tree import Form
from selbox.typing import Final

USAGE: Final[dict[str, tuple[str, str]]] = {
    # keyword: (accepted shapes, arguments as the reference writes them); a: atom, f: form, x: either, *: any more
    "allow": ("aax", "SOURCE TARGET (CLASS (PERMISSION…))"),
    "auditallow": ("aax", "SOURCE TARGET (CLASS (PERMISSION…))"),
    "dontaudit": ("aax", "SOURCE TARGET (CLASS (PERMISSION…))"),
    "neverallow": ("aax", "SOURCE TARGET (CLASS (PERMISSION…))"),
    "deny": ("aax", "SOURCE TARGET (CLASS (PERMISSION…))"),
    "allowx": ("aax", "SOURCE TARGET (ioctl CLASS (NUMBER…))"),
    "auditallowx": ("aax", "SOURCE TARGET (ioctl CLASS (NUMBER…))"),
    "dontauditx": ("aax", "SOURCE TARGET (ioctl CLASS (NUMBER…))"),
    "neverallowx": ("aax", "SOURCE TARGET (ioctl CLASS (NUMBER…))"),
    "permissionx": ("af", "NAME (ioctl CLASS (NUMBER…))"),
    "typetransition": ("aaaa aaaaa", "SOURCE TARGET CLASS [OBJECT-NAME] RESULT"),
    "typechange": ("aaaa", "SOURCE TARGET CLASS RESULT"),
    "typemember": ("aaaa", "SOURCE TARGET CLASS RESULT"),
    "rangetransition": ("aaax", "SOURCE TARGET CLASS RANGE"),
    "roleallow": ("aa", "SOURCE-ROLE TARGET-ROLE"),
    "roletransition": ("aaaa", "SOURCE-ROLE TARGET CLASS RESULT-ROLE"),
    "type": ("a", "NAME"),
    "typealias": ("a", "NAME"),
    "typealiasactual": ("aa", "ALIAS TYPE"),
    "typeattribute": ("a", "NAME"),
    "typeattributeset": ("ax", "ATTRIBUTE (TYPE…)"),
    "expandtypeattribute": ("xa", "(ATTRIBUTE…) true|false"),
    "typebounds": ("aa", "PARENT CHILD"),
    "typepermissive": ("a", "TYPE"),
    "typeneveraudit": ("a", "TYPE"),
    "role": ("a", "NAME"),
    "roletype": ("aa", "ROLE TYPE"),
    "roleattribute": ("a", "NAME"),
    "roleattributeset": ("ax", "ATTRIBUTE (ROLE…)"),
    "rolebounds": ("aa", "PARENT CHILD"),
    "user": ("a", "NAME"),
    "userrole": ("aa", "USER ROLE"),
    "userattribute": ("a", "NAME"),
    "userattributeset": ("ax", "ATTRIBUTE (USER…)"),
    "userlevel": ("ax", "USER LEVEL"),
    "userrange": ("ax", "USER RANGE"),
    "userbounds": ("aa", "PARENT CHILD"),
    "userprefix": ("aa", "USER PREFIX"),
    "selinuxuser": ("aax", "NAME USER RANGE"),
    "selinuxuserdefault": ("ax", "USER RANGE"),
    "class": ("af", "NAME (PERMISSION…)"),
    "classcommon": ("aa", "CLASS COMMON"),
    "common": ("af", "NAME (PERMISSION…)"),
    "classorder": ("f", "(CLASS…)"),
    "classpermission": ("a", "NAME"),
    "classpermissionset": ("ax", "NAME (CLASS (PERMISSION…))"),
    "classmap": ("af", "NAME (PERMISSION…)"),
    "classmapping": ("aax", "CLASSMAP PERMISSION (CLASS (PERMISSION…))"),
    "boolean": ("aa", "NAME true|false"),
    "booleanif": ("xf xff", "EXPRESSION (true …) (false …)"),
    "tunable": ("aa", "NAME true|false"),
    "tunableif": ("xf xff", "EXPRESSION (true …) (false …)"),
    "optional": ("a*", "NAME STATEMENT…"),
    "block": ("a*", "NAME STATEMENT…"),
    "blockabstract": ("a", "BLOCK"),
    "blockinherit": ("a", "BLOCK"),
    "in": ("a*", "[before|after] BLOCK STATEMENT…"),
    "macro": ("af*", "NAME ((KIND PARAMETER)…) STATEMENT…"),
    "call": ("a af", "MACRO (ARGUMENT…)"),
    "sensitivity": ("a", "NAME"),
    "sensitivityalias": ("a", "NAME"),
    "sensitivityaliasactual": ("aa", "ALIAS SENSITIVITY"),
    "sensitivityorder": ("f", "(SENSITIVITY…)"),
    "sensitivitycategory": ("ax", "SENSITIVITY (CATEGORY…)"),
    "category": ("a", "NAME"),
    "categoryalias": ("a", "NAME"),
    "categoryaliasactual": ("aa", "ALIAS CATEGORY"),
    "categoryorder": ("f", "(CATEGORY…)"),
    "categoryset": ("af", "NAME (CATEGORY…)"),
    "level": ("af", "NAME (SENSITIVITY [CATEGORIES])"),
    "levelrange": ("af", "NAME (LOW HIGH)"),
    "context": ("af", "NAME (USER ROLE TYPE RANGE)"),
    "constrain": ("xf", "(CLASS (PERMISSION…)) EXPRESSION"),
    "mlsconstrain": ("xf", "(CLASS (PERMISSION…)) EXPRESSION"),
    "validatetrans": ("af", "CLASS EXPRESSION"),
    "mlsvalidatetrans": ("af", "CLASS EXPRESSION"),
    "sid": ("a", "NAME"),
    "sidcontext": ("ax", "SID CONTEXT"),
    "sidorder": ("f", "(SID…)"),
    "filecon": ("aax", "PATTERN KIND CONTEXT|()"),
    "fsuse": ("aax", "xattr|task|trans FILESYSTEM CONTEXT"),
    "genfscon": ("aax aaax", "FILESYSTEM PATH [KIND] CONTEXT"),
    "portcon": ("axx", "tcp|udp|dccp|sctp PORT|(LOW HIGH) CONTEXT"),
    "nodecon": ("xxx", "ADDRESS MASK CONTEXT"),
    "netifcon": ("axx", "INTERFACE CONTEXT PACKET-CONTEXT"),
    "ipaddr": ("aa", "NAME ADDRESS"),
    "ibpkeycon": ("axx", "SUBNET KEY|(LOW HIGH) CONTEXT"),
    "ibendportcon": ("aax", "DEVICE PORT CONTEXT"),
    "iomemcon": ("xx", "ADDRESS|(LOW HIGH) CONTEXT"),
    "ioportcon": ("xx", "PORT|(LOW HIGH) CONTEXT"),
    "pcidevicecon": ("ax", "DEVICE CONTEXT"),
    "pirqcon": ("ax", "IRQ CONTEXT"),
    "devicetreecon": ("ax", "PATH CONTEXT"),
    "defaultuser": ("xa", "CLASS|(CLASS…) source|target"),
    "defaultrole": ("xa", "CLASS|(CLASS…) source|target"),
    "defaulttype": ("xa", "CLASS|(CLASS…) source|target"),
    "defaultrange": ("xa xaa", "CLASS|(CLASS…) source|target low|high|low-high, or glblub"),
    "handleunknown": ("a", "allow|deny|reject"),
    "mls": ("a", "true|false"),
    "policycap": ("a", "NAME"),
}
"""Every statement, by keyword."""

Shapes = set[tuple[type, ...]]
"""Kinds of a statement's items, its keyword's among them; of a long one, of the first :data:`_TELLING`."""

_TELLING: Final = 2 + max(len(shape) for shapes, _ in USAGE.values() for shape in shapes.split())
"""Items that tell a statement's shape: its keyword, as many arguments as any takes, and one that is too many."""

VALID_SHAPES: Final[dict[str, Shapes]] = {keyword: set() for keyword in USAGE}
"""The shapes, by keyword, that :func:`has_valid_shape` has found valid so far."""


def has_valid_shape(form: Form) -> bool:
    """Tell whether a statement of a known keyword has the arguments that the keyword takes.

    Args:
        form: a form whose first item is a key of :data:`USAGE`.
    """
    keyword = form[0]
    kinds = tuple(map(type, form[:_TELLING]))
    seen = VALID_SHAPES[keyword]  # type: ignore[index]  # the caller has checked that it is an atom
    if kinds in seen:
        return True
    letters = "".join("a" if kind is str else "f" for kind in kinds[1:])
    if any(_fits(letters, shape) for shape in USAGE[keyword][0].split()):  # type: ignore[index]
        seen.add(kinds)
        return True
    return False


def _fits(letters: str, shape: str) -> bool:
    fixed = shape.rstrip("*")
    if len(letters) < len(fixed) or (len(letters) > len(fixed) and fixed == shape):
        return False
    return all(wanted in ("x", got) for got, wanted in zip(letters, fixed, strict=False))


def usage(keyword: str) -> str:
    """Return how a statement is written, such as ``(roleallow SOURCE-ROLE TARGET-ROLE)``."""
    return f"({keyword} {USAGE[keyword][1]})"
