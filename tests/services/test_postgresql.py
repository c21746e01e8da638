"""Debian's PostgreSQL, in ``postgresql_t``."""

import glob
from pathlib import Path

import pytest

from tests.services.running import SHELL, Host, needs

PROGRAMS = [*sorted(glob.glob("/usr/lib/postgresql/*/bin")), "/usr/lib/postgresql/-/bin"][0]
VERSION = PROGRAMS.split("/")[4]
pytestmark = needs("psql", "setpriv", "unshare", f"{PROGRAMS}/postgres", f"{PROGRAMS}/initdb")

DATA = f"/var/lib/postgresql/{VERSION}/main"
AS_POSTGRES = "setpriv --reuid postgres --regid postgres --init-groups"
MAKE = f"""
{AS_POSTGRES} {PROGRAMS}/initdb -N -A trust -D {DATA} >&2
echo "log_statement = 'none'" >> {DATA}/postgresql.conf
"""
SERVER = f"""{SHELL}
{AS_POSTGRES} {PROGRAMS}/postgres -D {DATA} >&2 &
SERVER=$!
for i in $(seq 600); do pg_isready -q -U postgres && break; sleep 0.1; done
"""


QUERIES = """
domain $SERVER
ask() { psql -U postgres -Atq "$@"; }
ask -c "create table cats as select i from generate_series(1, 1000) i" -c "select count(*) from cats" -c checkpoint
ask -h 127.0.0.1 -c "select sum(i) from cats"
ask -c "select left(encode(pg_read_binary_file('/proc/self/attr/current'), 'escape'), -4)"
kill $SERVER; wait
"""


@pytest.mark.parametrize("mode", ["--enforcing", "--permissive"])
def test_it_answers_queries(policy: Path, directory: Path, mode: str) -> None:
    outcome = Host(policy, directory).run(SERVER + QUERIES, mode, before=MAKE)
    domain = "system_u:system_r:postgresql_t:s0"
    assert outcome.lines == [domain, "1000", "500500", domain], outcome.errors
    assert not outcome.denials


def test_wrong_clients_do_not_get_in(policy: Path, directory: Path) -> None:
    script = f"""{SERVER}
$CLOCK 5432 ''; $CLOCK /run/postgresql/.s.PGSQL.5432 ''
"""
    outcome = Host(policy, directory, clock="ntpd_exec_t").run(script, before=MAKE)
    assert outcome.lines == ["EACCES", "EACCES"], outcome.errors
    assert outcome.denials == [
        "ntpd_t postgresql_port_t:tcp_socket name_connect",
        "ntpd_t postgresql_runtime_t:dir search",
    ]
