"""A small policy of a web server, and the records of what it was denied."""

SOURCE = """\
(handleunknown deny) (mls true)
(class file (read write open append ioctl create)) (class dir (search read)) (class process (transition execmem))
(class tcp_socket (name_bind name_connect)) (class dbus (send_msg)) (class capability (dac_override))
(classorder (file dir process tcp_socket dbus capability))
(sid kernel) (sidorder (kernel)) (sensitivity s0) (sensitivityorder (s0)) (category c0) (category c1)
(categoryorder (c0 c1)) (sensitivitycategory s0 (c0 c1))
(role object_r) (role web_r) (user web_u) (userrole web_u web_r) (userrole web_u object_r)
(userlevel web_u (s0)) (userrange web_u ((s0) (s0 (c0 c1))))
(sidcontext kernel (web_u web_r web_t ((s0) (s0))))
(type web_t) (type other_t) (type initrc_t) (roletype web_r web_t) (roletype web_r other_t) (roletype web_r initrc_t)
(type web_content_t) (type web_log_t) (type default_t) (type home_t) (type program_t)
(type web_port_t) (type any_port_t) (type narrow_port_t)
(boolean web_homes false)
(allow web_t web_content_t (file (read open))) (allow web_t web_content_t (dir (search read)))
(allow web_t web_log_t (file (append open))) (allow web_t web_port_t (tcp_socket (name_bind)))
(allow other_t program_t (file (open read))) (allow web_t program_t (file (read)))
(booleanif web_homes (true (allow web_t home_t (file (read open)))))
(dontaudit web_t home_t (dir (search)))
(mlsconstrain (file (read write)) (dom l1 l2))
(portcon tcp 80 (web_u object_r web_port_t ((s0) (s0))))
(portcon tcp 90 (web_u object_r narrow_port_t ((s0) (s0))))
(portcon tcp (1024 65535) (web_u object_r any_port_t ((s0) (s0))))
(filecon "/srv/www(/.*)?" any (web_u object_r web_content_t ((s0) (s0))))
"""


def record(
    target: str,
    *permissions: str,
    tclass: str = "file",
    about: str = 'name="x"',
    source: str = "web_t",
    level: str = "s0",
    number: int = 1,
    verdict: str = "denied",
) -> str:
    """Return a record as auditd writes it."""
    role = "web_r" if tclass in ("process", "dbus", "capability") else "object_r"
    return (
        f"type=AVC msg=audit(17000000{number:02}.123:{number}): avc:  {verdict}  {{ {' '.join(permissions)} }} for  "
        f'pid=7 comm="httpd" {about} scontext=web_u:web_r:{source}:s0 tcontext=web_u:{role}:{target}:{level} '
        f"tclass={tclass} permissive=0"
    )
