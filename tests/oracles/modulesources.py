"""Modules with every statement of the module language, as far as a version of the format and levels allow.

A line may end in ``# @11`` (since version 11 of the format), ``# @-11`` (before it), ``# @mls`` or ``# @nomls``; what
stands in double brackets is there in modules with levels only.
"""

import re

VERSIONS = tuple(range(4, 22))
"""The versions that checkmodule 3.4 writes."""

_MODULE = """\
module hand 1.0;
require {
  class process { transition dyntransition signal };
  class file { read write ioctl create };
  class dir { search };
  class odd { per1 };
  role ro1; role ro2;
  type a_t; type b_t; attribute at1; attribute at2;
  bool rb;
  sensitivity s0; category c0; category c1; category c2; category c3;  # @mls
}
type x_t; type y_t alias { y1_t y2_t }; attribute xa; attribute xb;
typealias x_t alias x1_t;
type z_t, xa, at1;
typeattribute x_t xb, at2;
attribute_role ra;  # @13
role xr; role xr types { x_t y_t };
role ro1 types { a_t x_t };
role user_r; role auditadm_r; role wide_r; role wide_r types { xa -z_t };
roleattribute xr ra;  # @13
bool xbool true;
tunable xtun false;  # @14
allow { x_t xa -z_t } { a_t b_t }:file { read write };
allow x_t self:process { signal };
allow x_t { a_t self }:file *;
allow x_t a_t:file ~{ read };
auditallow x_t a_t:file read;
dontaudit x_t a_t:{ file dir } *;
neverallow { xa -x_t } ~{ a_t }:process *;
neverallow * a_t:file read;
allowxperm x_t a_t:file ioctl { 0x1234 0x1240-0x1250 };  # @18
allowxperm x_t a_t:file ioctl ~{ 0x1234 };  # @18
allowxperm x_t a_t:file ioctl { 0x0000-0xffff };  # @18
auditallowxperm x_t a_t:file ioctl 0x99;  # @18
dontauditxperm x_t a_t:file ioctl { 0x01 0x03 0x05-0x07 0xff };  # @18
neverallowxperm x_t a_t:file ioctl 0x99;  # @18
type_transition x_t a_t:process y_t;
type_change x_t a_t:file y_t;
type_member x_t a_t:dir y_t;
type_transition { x_t y_t } a_t:file z_t "foo bar";  # @11
type_transition x_t { a_t b_t } : dir y_t "name";  # @11
type_transition x_t self : dir y_t "named";  # @21
role_transition xr x_t xr;
role_transition { ro1 ra } { x_t a_t }:{ process file } xr;  # @13
role_transition ro1 { xa -x_t } xr;
allow xr ro1; allow { ro1 xr } ro2;
range_transition x_t a_t:process s0:c0.c2 - s0:c0.c3;  # @mls @6
range_transition x_t a_t s0;  # @mls @6
permissive x_t;  # @8
typebounds a_t x_t;  # @9
if (xbool && !rb || xbool ^ rb) {
  allow x_t a_t:dir search; type_transition x_t b_t:process z_t;
} else {
  allow x_t b_t:dir search; dontaudit x_t b_t:file *;
}
if (xtun) { allow x_t y_t:file read; }  # @14
if (xbool == rb) { auditallow x_t y_t:file read; }
if (xbool != rb) { type_change x_t y_t:file y_t; }
optional {
  require { type o_t; attribute oa; role orole; class file { getattr }; bool ob; }
  type oo_t; typeattribute oo_t oa; typeattribute x_t oa;
  role orole types x_t; role xr types oo_t; role ro1 types oo_t;
  allow x_t o_t:file getattr;
  if (ob) { allow x_t o_t:file getattr; }
  optional {
    require { type p_t; role prole; }
    allow x_t p_t:file read; allow { x_t -y_t } p_t:file read; role prole types p_t; role xr types p_t;
  }
  optional { require { type q_t; } allow x_t q_t:file read; } else { allow x_t y_t:file write; }
}
optional {
  require { type q2_t; }
  typealias q2_t alias { q3_t q4_t };
  role xr types { x_t -y_t };
  permissive q2_t;  # @8
}
expandattribute xa true;
expandattribute xb false;
user x_u roles { xr }[[ level s0 range s0 - s0:c0.c2]];  # @6
"""

_BASE = """\
class security
class process
class file
class dir
class chr_file
class lnk_file
class infiniband_pkey
class odd
sid kernel
sid security
sid unlabeled
sid fs
common filecommon { ioctl read write map }
common other { o1 o2 }
class security { compute_av load_policy }
class process { transition dyntransition signal }
class file inherits filecommon { execute }
class dir inherits filecommon { search }
class chr_file inherits filecommon
class lnk_file { read getattr }
class odd inherits other { zz }
default_user { process file } source;  # @15
default_role file target;  # @15
default_type dir source;  # @16
default_range dir target low-high;  # @15
default_range file glblub;  # @20
default_range lnk_file source high;  # @15
[[sensitivity s0 alias sa0;
sensitivity s1 alias { sa1 sb1 };
dominance { s0 s1 }
category c0; category c1; category c2 alias cc2; category c3;
level s0:c0.c3;
level s1:c0.c2;
mlsconstrain { file dir } { read map } (( l1 dom l2 ) or ( t1 == att1 ) and not ( u1 == u2 or r1 incomp r2 ));
mlsconstrain file write ( l1 eq l2 and h1 domby h2 and l1 incomp h2 and l1 != h1 and l2 eq h2 and h1 dom l2 );
mlsvalidatetrans file ( t3 == { a_t b_t } or r3 != object_r );]]
policycap open_perms;  # @7
policycap network_peer_controls;  # @7
attribute att1; attribute att2;
attribute_role atr;  # @13
type a_t; type b_t, att1; type c_t alias { c1_t c2_t }; type sec_t;
typealias a_t alias a1_t;
typebounds a_t b_t;  # @9
permissive b_t;  # @8
expandattribute att2 true;
bool b1 true; bool b2 false;
tunable tu1 false;  # @14
role system_r; role staff_r; role my_r; role all_r; role secadm_r; role auditadm_r;
role system_r types { a_t b_t }; role staff_r types a_t; role my_r types { att1 -b_t };
role auditadm_r types a_t;
roleattribute my_r atr;  # @13
role all_r types { a_t c_t };
allow system_r { staff_r my_r };
allow atr system_r;  # @13
role_transition system_r a_t my_r;
role_transition { staff_r atr } { att1 -b_t }:{ process file } my_r;  # @13
type_transition a_t b_t:process c_t;
type_transition a_t b_t:file c_t "name with é";  # @11
range_transition a_t b_t:process s0 - s1:c0.c2;  # @mls @6
range_transition a_t b_t s0 - s1:c0.c2;  # @mls @5 @-6
allow a_t { b_t self }:file { read write execute };
allow { att1 -a_t } { att2 -b_t }:dir *;
allow a_t a_t:odd { zz o1 };
neverallow ~{ a_t b_t } self:process transition;
dontaudit a_t b_t:file ~read;
allowxperm a_t b_t:file ioctl { 0x8910-0x8920 0x40 };  # @18
if (b1 && !b2) { allow a_t b_t:lnk_file read; } else { allow a_t c_t:lnk_file getattr; }
if (tu1) { allow a_t b_t:lnk_file read; }  # @14
optional {
  require { type opt_t; role optr; class file { read }; }
  type o2_t; role o2_r; role o2_r types o2_t;
  allow a_t opt_t:file { read }; bool ob false;
  role my_r types o2_t;
} else { allow a_t b_t:file read; }
user system_u roles { system_r my_r }[[ level s0 range s0 - s1:c0.c2]];
user user_u roles { staff_r }[[ level s0 range s0]];
user staff_u roles { my_r }[[ level s0:c0 range s0:c0 - s1:c0.c1]];
constrain process transition ( u1 == u2 or ( t1 == att1 and t2 == { a_t b_t } ) or r1 == { system_r staff_r } );
constrain process transition ( u2 == system_u or r1 domby r2 );
validatetrans dir ( u1 == u2 or t3 == a_t or u3 == user_u and u2 != { user_u staff_u } );  # @5
sid kernel system_u:system_r:a_t[[:s0 - s1:c0.c2]]
sid security system_u:object_r:sec_t[[:s0]]
sid unlabeled system_u:object_r:a_t[[:s1:c0,c2]]
sid fs system_u:object_r:a_t[[:s0]]
fs_use_xattr ext4 system_u:object_r:a_t[[:s0]];
fs_use_task pipefs system_u:object_r:a_t[[:s0]];
fs_use_trans tmpfs system_u:object_r:a_t[[:s0]];
genfscon proc / system_u:object_r:a_t[[:s0]]
genfscon proc /net -d system_u:object_r:b_t[[:s0]]
genfscon proc /net/x -- system_u:object_r:b_t[[:s0]]
genfscon proc /abc -c system_u:object_r:b_t[[:s0]]
genfscon a.fs-x / -l system_u:object_r:b_t[[:s0]]
portcon tcp 80 system_u:object_r:a_t[[:s0]]
portcon udp 1-1023 system_u:object_r:a_t[[:s0]]
portcon dccp 5 system_u:object_r:a_t[[:s0]]
portcon sctp 5 system_u:object_r:a_t[[:s0]]
netifcon eth0 system_u:object_r:a_t[[:s0]] system_u:object_r:b_t[[:s0]]
nodecon 127.0.0.1 255.255.255.255 system_u:object_r:a_t[[:s0]]
nodecon 10.0.0.0 255.0.0.0 system_u:object_r:a_t[[:s0]]
nodecon ::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff system_u:object_r:a_t[[:s0]]
nodecon ::ffff:1.2.3.4 ffff:: system_u:object_r:a_t[[:s0]]
nodecon ::1.2.3.4 :: system_u:object_r:a_t[[:s0]]
nodecon 2001:db8:0:1:: ffff:ffff:0:0:1:0:0:0 system_u:object_r:a_t[[:s0]]
ibpkeycon fe80:: 0xFFFF system_u:object_r:a_t[[:s0]]  # @19
ibpkeycon fe80:0:0:2:: 1-5 system_u:object_r:a_t[[:s0]]  # @19
ibendportcon mlx4_0 2 system_u:object_r:a_t[[:s0]]  # @19
"""


def module_source(version: int, *, mls: bool = True) -> str:
    """Return a module with every statement that this version of the format can hold."""
    return _chosen(_MODULE, version, mls)


def base_source(version: int, *, mls: bool = True) -> str:
    """Return a base module with every statement that this version of the format can hold."""
    return _chosen(_BASE, version, mls)


def _chosen(text: str, version: int, mls: bool) -> str:
    text = re.sub(r"\[\[(.*?)\]\]", r"\1" if mls else "", text, flags=re.DOTALL)
    lines = []
    for line in text.splitlines():
        statement, _, conditions = line.partition("  # ")
        if all(_holds(each, version, mls) for each in conditions.split()):
            lines.append(statement)
    return "\n".join(lines) + "\n"


def _holds(condition: str, version: int, mls: bool) -> bool:
    if condition in ("@mls", "@nomls"):
        return mls is (condition == "@mls")
    since = int(condition.removeprefix("@"))
    return version < -since if since < 0 else version >= since
