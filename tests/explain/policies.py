"""A small policy with one example of each reason why something is denied."""

from selbox.compiler.compile import compile_policy
from selbox.diagnostics import SourceFile
from selbox.language.cil import parse
from selbox.model.policy import Policy

SOURCE = """\
(handleunknown deny) (mls true)
(class file (read write ioctl)) (class dir (read search)) (class process (transition))
(classorder (file dir process))
(common any (append)) (classcommon file any) (classcommon dir any)
(sid kernel) (sidorder (kernel))
(sensitivity s0) (sensitivity s1) (sensitivityorder (s0 s1))
(category c0) (category c1) (categoryorder (c0 c1)) (sensitivitycategory s0 (c0 c1)) (sensitivitycategory s1 (c0 c1))
(type web_t) (type shell_t) (type page_t) (type web_log_t) (type secret_t) (type parent_t) (type child_t) (type lax_t)
(typeattribute domain) (typeattributeset domain (web_t shell_t)) (typeattribute content)
(typeattributeset content (page_t web_log_t)) (typeattribute trusted) (typeattributeset trusted (shell_t))
(typepermissive lax_t)
(role object_r) (role web_r) (role shell_r) (roletype web_r web_t) (roletype web_r child_t) (roletype web_r parent_t)
(roletype shell_r shell_t) (roletype web_r shell_t) (roletype web_r lax_t)
(user web_u) (userrole web_u web_r) (userrole web_u shell_r) (userrole web_u object_r)
(userlevel web_u (s0)) (userrange web_u ((s0) (s1 (c0 c1))))
(sidcontext kernel (web_u web_r web_t ((s0) (s0))))
(boolean serve true) (boolean edit false) (boolean debug false)
(allow domain content (file (read)))
(booleanif edit (true (allow web_t page_t (file (write)))))
(booleanif (and serve (not debug)) (true (allow web_t page_t (dir (read)))) (false (allow web_t page_t (dir (search)))))
(dontaudit domain secret_t (file (read)))
(auditallow domain web_log_t (file (read)))
(allow web_t shell_t (process (transition)))
(allow child_t page_t (file (read)))
(allow web_t page_t (file (ioctl))) (allowx web_t page_t (ioctl file (range 0x1200 0x12ff)))
(mlsconstrain (file (read write)) (or (dom l1 l2) (eq t1 trusted)))
"""


def make_policy() -> Policy:
    """Compile it; ``child_t`` is bounded afterwards, for the compiler refuses one that may do more."""
    policy = compile_policy([parse(SourceFile("p.cil", SOURCE))])
    types = list(policy.types)
    child = policy.type_ids["child_t"]
    types[child] = types[child]._replace(bounds=policy.type_ids["parent_t"])
    return policy._replace(types=tuple(types))
