"""PostgreSQL as an object manager: its module sepgsql, unmodified, decides about tables by the box's policy."""

import glob
from pathlib import Path

import pytest

from tests.debian.policies import selinux_root
from tests.services.running import Host, needs
from tests.services.test_postgresql import AS_POSTGRES, DATA, MAKE, PROGRAMS, SERVER, VERSION

MODULE = f"/usr/share/postgresql/{VERSION}/contrib/sepgsql.sql"
pytestmark = [
    *needs("psql", "setpriv", "unshare", "runcon", f"{PROGRAMS}/postgres", f"{PROGRAMS}/initdb"),
    pytest.mark.skipif(not glob.glob(MODULE), reason="this PostgreSQL has no sepgsql"),
]

LABELLED = f"""{MAKE}
echo "shared_preload_libraries = 'sepgsql'" >> {DATA}/postgresql.conf
"""
SETUP = f"""
{AS_POSTGRES} {PROGRAMS}/postgres --single -F -c exit_on_error=true -D {DATA} postgres < {MODULE} > /dev/null
{SERVER}
"""
QUERIES = f"""
people() {{
    runcon unconfined_u:unconfined_r:unconfined_t:s0 {PROGRAMS}/psql -U postgres -Atqc "$1" 2>&1
}}
web() {{ $WEB -U postgres -Atqc "$1" 2>&1; }}
people "select sepgsql_getcon()"
people "create table cats as select 1 as i; select label from pg_seclabels where objname = 'cats'"
people "create table secret as select 2 as i; select count(*) from secret"
people "security label on table secret is 'system_u:object_r:sepgsql_secret_table_t:s0'"
people "security label on table secret is 'system_u:object_r:nosuch_t:s0'"
web "select sepgsql_getcon()"
web "select count(*) from cats"
web "select count(*) from secret"
web "drop table cats"
setenforce 0; web "select count(*) from secret"
kill $SERVER; wait
"""  # noqa: S608 - nobody else puts anything into it


def test_tables_are_guarded_by_the_policy(
    policy: Path, directory: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    host = Host(policy, directory, web=f"httpd_exec_t {PROGRAMS}/psql")
    script = f"{SETUP}\nsetsebool httpd_can_network_connect_db on\n{QUERIES}"
    root = f"--selinux-root={selinux_root('default', tmp_path_factory)}"
    outcome = host.run(script, root, before=LABELLED)
    violation = "ERROR:  SELinux: security policy violation"
    assert outcome.lines == [
        "unconfined_u:unconfined_r:unconfined_t:s0",
        "unconfined_u:object_r:sepgsql_table_t:s0",
        "1",
        'ERROR:  SELinux: invalid security label: "system_u:object_r:nosuch_t:s0"',
        "system_u:system_r:httpd_t:s0",
        "1",
        violation,
        violation,
        "1",
    ], outcome.errors
