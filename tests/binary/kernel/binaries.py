"""A policy of every statement that a binary can hold, and reference programs that make binaries of it."""

import subprocess
import tempfile
from functools import cache
from pathlib import Path

EVERYTHING = """\
(handleunknown allow)
(mls true)
(policycap open_perms) (policycap extended_socket_class)
(sid kernel) (sid security) (sid unlabeled)
(sidorder (kernel security unlabeled))
(sensitivity s0) (sensitivity s1)
(sensitivityorder (s0 s1))
(sensitivityalias sa)
(sensitivityaliasactual sa s0)
(category c0) (category c1) (category c2)
(categoryorder (c0 c1 c2))
(categoryalias ca)
(categoryaliasactual ca c1)
(sensitivitycategory s0 (c0 c1)) (sensitivitycategory s1 (c0 c1 c2))
(common cf (read write getattr ioctl))
(class file (open))
(classcommon file cf)
(class dir (search))
(classcommon dir cf)
(class process (fork transition dyntransition)) (class chr_file (x))
(classorder (process file dir chr_file))
(defaultuser file source)
(defaultrange dir target low-high)
(defaultrole file target)
(defaulttype dir source)
(defaultrange file glblub)
(type ta) (type tb) (type tc) (type td)
(typeattribute a0) (typeattribute a1) (typeattribute a2)
(typealias tal)
(typealiasactual tal ta)
(typealias tal2)
(typealiasactual tal2 ta)
(typeattributeset a0 (ta tb)) (typeattributeset a1 (and (all) (not tc)))
(typebounds ta td)
(typepermissive tb)
(role object_r) (role ra) (role rb)
(user ua) (user ub)
(userrole ua ra) (userrole ua rb) (userrole ua object_r) (userrole ub rb)
(roletype ra ta) (roletype ra tb) (roletype rb tc) (roletype rb ta)
(userlevel ua (s0))
(userrange ua ((s0) (s1 (c0 c1 c2))))
(userlevel ub (s0 (c0)))
(userrange ub ((s0 (c0)) (s1 (c0 c1))))
(sidcontext kernel (ua ra ta ((s0) (s0)))) (sidcontext unlabeled (ua object_r ta ((s0) (s1 (c0 c1)))))
(boolean b0 true) (boolean b1 false)
(allow ta tb (file (read write))) (allow a0 a1 (process (fork)))
(auditallow ta tb (file (read)))
(dontaudit ta tb (file (open))) (dontaudit a1 self (dir (search)))
(allow ta tb (file (ioctl))) (allow tb self (process (transition)))
(typetransition ta tb process tc)
(typechange ta tb file tc)
(typemember ta tb dir tc)
(typetransition ta tb file "foo" tc) (typetransition tb tb file "foo" tc) (typetransition tb tb file "bar" ta)
(typetransition td tb file "foo" ta)
(rangetransition ta tb process ((s0) (s1 (c0)))) (rangetransition tb tb process ((s0) (s1 (c0))))
(rangetransition tb tc file ((s0) (s0)))
(roletype object_r ta) (roletype object_r tb)
(roleallow ra rb) (roleallow rb ra)
(roletransition ra tb process rb) (roletransition ra tb file rb) (roletransition rb tb file ra)
(booleanif b0 (true (allow tc td (file (read)))(dontaudit tc td (file (open)))(typetransition tc td file ta))
  (false (allow tc td (file (write)))(typetransition tc td file tb)))
(booleanif (and b0 (not b1)) (true (allow tc tb (file (read)))(allow tb tb (file (read)))(allow ta tb (file
  (write)))))
(booleanif (or b0 (xor b1 b0)) (false (allow tc tb (file (read)))))
(constrain (process (transition)) (or (eq u1 u2) (and (eq t1 a0) (neq t2 tc))))
(constrain (process (fork)) (or (eq r1 r2) (eq t1 (ta tb))))
(typeattributeset a2 (and a1 (not a0)))
(mlsconstrain (file (read)) (dom l1 l2)) (mlsconstrain (file (write)) (domby h1 h2))
(constrain (file (open)) (or (eq u1 ua) (or (eq r1 (ra rb)) (eq t2 a2))))
(validatetrans file (eq t3 a0))
(mlsvalidatetrans file (or (eq l1 l2) (eq u3 ua)))
(portcon tcp 80 (ua ra ta ((s0) (s0)))) (portcon udp (1 1024) (ua ra ta ((s0) (s1))))
(portcon tcp (1 1024) (ua ra tb ((s0) (s0)))) (portcon sctp 5 (ua ra tb ((s0) (s0))))
(netifcon eth0 (ua ra ta ((s0) (s0))) (ua ra tb ((s0) (s0))))
(netifcon eth1 (ua ra ta ((s0) (s0))) (ua ra tb ((s0) (s0))))
(nodecon (127.0.0.1) (255.255.255.255) (ua ra ta ((s0) (s0))))
(nodecon (10.0.0.0) (255.0.0.0) (ua ra ta ((s0) (s0)))) (nodecon (::1) (ffff::) (ua ra ta ((s0) (s0))))
(fsuse xattr ext4 (ua object_r ta ((s0) (s0)))) (fsuse task pipefs (ua object_r ta ((s0) (s0))))
(fsuse trans tmpfs (ua object_r ta ((s0) (s0))))
(genfscon proc / (ua object_r ta ((s0) (s0)))) (genfscon proc /a (ua object_r tb ((s0) (s0))))
(genfscon proc /abc file (ua object_r tb ((s0) (s0)))) (genfscon sysfs / (ua object_r ta ((s0) (s0))))
"""
"""Everything that version 24 or a later one holds, but for what follows."""

SINCE_30 = """\
(allowx ta tb (ioctl file (0x1100 0x1101 (range 0x1200 0x12ff)))) (allowx ta tb (ioctl file (0x2201)))
(dontauditx ta tb (ioctl file (0x3301)))
(auditallowx a0 tb (ioctl file (0x3301)))
(ibpkeycon fe80:: (0 1) (ua ra ta ((s0) (s0))))
(ibendportcon mlx4_0 1 (ua ra ta ((s0) (s0))))
"""

CIL_BY_VERSION = {version: EVERYTHING + (SINCE_30 if version >= 30 else "") for version in range(24, 34)}


XEN = """\
(handleunknown deny) (mls true)
(sid xen) (sid dom0) (sid domio) (sidorder (xen dom0 domio))
(sensitivity s0) (sensitivityorder (s0)) (category c0) (categoryorder (c0)) (sensitivitycategory s0 (c0))
(class domain (pause resume)) (class resource (add use)) (classorder (domain resource))
(type ta) (type tb) (role object_r) (role ra) (user ua) (userrole ua ra)
(roletype ra ta) (roletype ra tb) (roletype object_r ta) (userlevel ua (s0)) (userrange ua ((s0) (s0)))
(sidcontext xen (ua ra ta ((s0) (s0)))) (sidcontext dom0 (ua ra tb ((s0) (s0))))
(allow ta tb (domain (pause))) (allow tb ta (resource (use)))
(pirqcon 33 (ua ra ta ((s0) (s0)))) (iomemcon (0 255) (ua ra ta ((s0) (s0))))
(iomemcon 0x1000 (ua ra tb ((s0) (s0)))) (ioportcon (22 33) (ua ra ta ((s0) (s0))))
(pcidevicecon 345 (ua ra ta ((s0) (s0)))) (devicetreecon "/this is/a path" (ua ra ta ((s0) (s0))))
"""
"""A policy for Xen."""


@cache
def secilc_binary(cil: str, version: int, *options: str) -> bytes:
    """What secilc makes of a policy."""
    with tempfile.TemporaryDirectory() as directory:
        source, binary = Path(directory) / "policy.cil", Path(directory) / "policy.bin"
        source.write_text(cil)
        command = ["secilc", "-c", str(version), *options, "-o", str(binary), "-f", "/dev/null", str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return binary.read_bytes()


def everything(version: int) -> bytes:
    """A binary of nearly every statement, of a version from 24 to 33."""
    return secilc_binary(CIL_BY_VERSION[version], version)
