"""A small complete policy that tests add statements to, and helpers to compile it."""

from selbox.compiler.compile import compile_policy
from selbox.compiler.options import DEFAULTS, CompileOptions
from selbox.diagnostics import Diagnostic, SelboxError, SourceFile
from selbox.language.cil import parse
from selbox.model.policy import Policy

BASE = """\
(handleunknown allow)
(mls true)
(common file_common (ioctl read write create getattr setattr))
(class file (execute entrypoint open))
(classcommon file file_common)
(class dir (search add_name))
(classcommon dir file_common)
(class process (transition fork sigkill dyntransition))
(class socket (connect listen))
(classorder (process file dir socket))
(sid kernel) (sid security) (sid unlabeled)
(sidorder (kernel security unlabeled))
(sensitivity s0) (sensitivity s1) (sensitivity s2)
(sensitivityorder (s0 s1 s2))
(category c0) (category c1) (category c2) (category c3) (category c4)
(categoryorder (c0 c1 c2 c3 c4))
(sensitivitycategory s0 (range c0 c4))
(sensitivitycategory s1 (range c0 c4))
(sensitivitycategory s2 (range c0 c4))
(role object_r) (role system_r) (role staff_r)
(user system_u) (user staff_u)
(userrole system_u system_r) (userrole system_u object_r)
(userrole staff_u staff_r) (userrole staff_u object_r)
(userlevel system_u (s0)) (userrange system_u ((s0) (s2 (range c0 c4))))
(userlevel staff_u (s0)) (userrange staff_u ((s0) (s0 (range c0 c4))))
(type kernel_t) (type a) (type b) (type c) (type d)
(typeattribute domain) (typeattribute filetype) (typeattribute both)
(typeattributeset domain (kernel_t a b))
(typeattributeset filetype (c d))
(typeattributeset both (or domain filetype))
(roletype system_r domain) (roletype staff_r a) (roletype object_r both)
(sidcontext kernel (system_u system_r kernel_t ((s0) (s2 (range c0 c4)))))
(sidcontext security (system_u object_r c ((s0) (s0))))
(sidcontext unlabeled (system_u object_r d ((s2) (s2))))
(allow kernel_t both (file (read write)))
(allow a domain (process (all)))
"""


def compile_texts(*texts: str, options: CompileOptions = DEFAULTS) -> Policy:
    """Compile sources; they are named 0.cil, 1.cil …"""
    trees = [parse(SourceFile(f"{index}.cil", text)) for index, text in enumerate(texts)]
    return compile_policy(trees, options=options)


def compile_with_base(text: str, options: CompileOptions = DEFAULTS) -> Policy:
    """Compile statements together with :data:`BASE`."""
    return compile_texts(BASE, text, options=options)


def errors_of(*texts: str, options: CompileOptions = DEFAULTS) -> list[Diagnostic]:
    """Return the errors of sources, none when they compile."""
    try:
        compile_texts(*texts, options=options)
    except SelboxError as error:
        return list(error.diagnostics)
    return []


def codes_with_base(text: str) -> list[str]:
    """Return the codes of the errors that statements together with :data:`BASE` have."""
    return [each.code for each in errors_of(BASE, text)]
