"""Denials that documentation and forums tell of, and what those who know the policy advise; under Debian's policy."""

from pathlib import Path

import pytest
from tests.debian.policies import by_selbox

from selbox.analysis.advice import Advisor
from selbox.analysis.denials import Denials, advised
from selbox.audit.accesslines import AccessLine
from selbox.audit.events import EventFacts
from selbox.audit.logreader import LogReader
from selbox.binary.kernel import read_policy
from selbox.cli.denialstext import denials_text
from selbox.cli.terminal import Terminal
from selbox.explain.loggedcauses import LoggedCauses
from selbox.server.securityserver import SecurityServer
from selbox.store.filelabels import FileLabels

HOMES = "/home/[^/]+/\\.ssh(/.*)?\tstaff_u:object_r:ssh_home_t:s0\n"
"""What a system writes for its users beside the policy's file contexts."""

# What happened; permissions, source, target and class; what else the record says; what the advice has in it.
SCENARIOS = (
    (
        "web server on port 8081",
        "name_bind httpd_t unreserved_port_t tcp_socket",
        'comm="apache2" src=8081',
        ("semanage port -a -t http_port_t -p tcp 8081",),
    ),
    (
        "ssh on port 2222",
        "name_bind sshd_t unreserved_port_t tcp_socket",
        'comm="sshd" src=2222',
        ("semanage port -a -t ssh_port_t -p tcp 2222",),
    ),
    (
        "web pages moved from home (mv)",
        "getattr httpd_t unconfined_u:object_r:user_home_t:s0 file",
        'comm="apache2" path="/var/www/html/index.html" ino=33',
        ("restorecon -v /var/www/html/index.html", "httpd_sys_content_t"),
    ),
    (
        "web pages in /srv/myweb, default_t",
        "read httpd_t default_t file",
        'comm="apache2" path="/myweb/index.html" ino=35',
        ("semanage fcontext -a -t httpd_sys_content_t '/myweb/index.html'",),
    ),
    (
        "web content writable uploads",
        "write httpd_t httpd_sys_content_t dir",
        'comm="php-fpm" path="/var/www/html/uploads" name="uploads" ino=35',
        (
            "semanage fcontext -a -t httpd_sys_rw_content_t '/var/www/html/uploads(/.*)?'",
            "setsebool -P httpd_builtin_scripting=1",
        ),
    ),
    (
        "cifs, web",
        "read httpd_t cifs_t file",
        'comm="apache2" name="index.html" dev="0:42" ino=35',
        ("httpd_use_cifs",),
    ),
    (
        "nginx as proxy",
        "name_connect httpd_t unreserved_port_t tcp_socket",
        'comm="nginx" dest=3000',
        ("httpd_can_network_connect",),
    ),
    (
        "web server to database",
        "name_connect httpd_t postgresql_port_t tcp_socket",
        'comm="php-fpm" dest=5432',
        ("httpd_can_network_connect_db",),
    ),
    (
        "web server to mysql",
        "name_connect httpd_t mysqld_port_t tcp_socket",
        'comm="apache2" dest=3306',
        ("httpd_can_network_connect_db",),
    ),
    (
        "web server to ldap",
        "name_connect httpd_t ldap_port_t tcp_socket",
        'comm="apache2" dest=389',
        ("httpd_can_network_connect_ldap",),
    ),
    (
        "php sends mail by smtp",
        "name_connect httpd_t smtp_port_t tcp_socket",
        'comm="php-fpm" dest=25',
        ("httpd_can_sendmail",),
    ),
    (
        "php sends mail by sendmail",
        "execute httpd_t sendmail_exec_t file",
        'comm="apache2" name="exim4" path="/usr/sbin/exim4" ino=88',
        ("httpd_can_sendmail",),
    ),
    (
        "memcached",
        "name_connect httpd_t memcache_port_t tcp_socket",
        'comm="apache2" dest=11211',
        ("httpd_can_network_connect_memcache",),
    ),
    (
        "postgres data moved",
        "read postgresql_t default_t file",
        'comm="postgres" path="/data/pgsql/PG_VERSION" name="PG_VERSION" ino=90',
        ("semanage fcontext -a -t postgresql_db_t '/data/pgsql",),
    ),
    (
        "mysql data moved",
        "write mysqld_t default_t file",
        'comm="mysqld" path="/data/mysql/ibdata1" name="ibdata1" ino=90',
        ("semanage fcontext -a -t mysqld_db_t '/data/mysql/ibdata1'",),
    ),
    (
        "mysql on 3307",
        "name_bind mysqld_t unreserved_port_t tcp_socket",
        'comm="mysqld" src=3307',
        ("semanage port -a -t mysqld_port_t -p tcp 3307",),
    ),
    ("samba exports anything", "read smbd_t mysqld_db_t file", 'comm="smbd" name="x" ino=90', ("samba_export_all_ro",)),
    (
        "ftp home directories",
        "read ftpd_t staff_u:object_r:user_home_t:s0 file",
        'comm="vsftpd" name="x" ino=90',
        ("ftp_home_dir",),
    ),
    (
        "ftp anonymous upload",
        "write ftpd_t public_content_t dir",
        'comm="vsftpd" path="/srv/ftp/incoming" name="incoming" ino=90',
        (
            "semanage fcontext -a -t public_content_rw_t '/srv/ftp/incoming(/.*)?'",
            "setsebool -P allow_ftpd_anon_write=1",
        ),
    ),
    (
        "ftp anonymous upload labelled",
        "write ftpd_t public_content_rw_t dir",
        'comm="vsftpd" name="incoming" ino=90',
        ("allow_ftpd_anon_write",),
    ),
    (
        "ftp passive",
        "name_bind ftpd_t unreserved_port_t tcp_socket",
        'comm="vsftpd" src=40001',
        ("ftpd_use_passive_mode",),
    ),
    (
        "cron file moved",
        "read crond_t unconfined_u:object_r:user_home_t:s0 file",
        'comm="cron" path="/etc/cron.d/backup" name="backup" ino=90',
        ("restorecon -v /etc/cron.d/backup", "system_cron_spool_t by its path, which allows this"),
    ),
    (
        "named writes zones",
        "write named_t named_zone_t dir",
        'comm="named" name="bind" ino=90',
        ("named_write_master_zones",),
    ),
    (
        "rsync exports all",
        "read rsync_t staff_u:object_r:user_home_t:s0 file",
        'comm="rsync" name="x" ino=90',
        ("rsync_export_all_ro",),
    ),
    (
        "logrotate on app logs in /opt",
        "rename logrotate_t usr_t file",
        'comm="logrotate" name="app.log" path="/opt/app/logs/app.log" ino=91',
        ("semanage fcontext -a -t var_log_t '/opt/app/logs/app.log'",),
    ),
    (
        "execmem of a user program",
        "execmem staff_u:staff_r:staff_t:s0 staff_u:staff_r:staff_t:s0 process",
        'comm="java"',
        ("allow_execmem",),
    ),
    (
        "execmod text relocation",
        "execmod staff_u:staff_r:staff_t:s0 lib_t file",
        'comm="app" path="/opt/app/lib/libx.so" ino=91',
        ("semanage fcontext -a -t textrel_shlib_t '/opt/app/lib/libx.so'",),
    ),
    (
        "squid on other ports",
        "name_connect squid_t unreserved_port_t tcp_socket",
        'comm="squid" dest=8444',
        ("squid_connect_any",),
    ),
    (
        "zabbix agent",
        "name_connect zabbix_t unreserved_port_t tcp_socket",
        'comm="zabbix_server" dest=8123',
        ("zabbix_can_network",),
    ),
    (
        "openvpn reads keys in home",
        "read openvpn_t staff_u:object_r:user_home_t:s0 file",
        'comm="openvpn" name="client.key" path="/home/joe/client.key" ino=91',
        ("openvpn_enable_homedirs",),
    ),
    (
        "spamd home dirs",
        "read spamd_t staff_u:object_r:user_home_t:s0 file",
        'comm="spamd" name="x" ino=91',
        ("spamd_enable_home_dirs",),
    ),
    (
        "virt image in home",
        "read svirt_t staff_u:object_r:user_home_t:s0 file",
        'comm="qemu" path="/home/joe/disk.qcow2" name="disk.qcow2" ino=91',
        ("semanage fcontext -a -t svirt_image_t '/home/joe/disk.qcow2'",),
    ),
    (
        "ssh authorized_keys wrong label",
        "read sshd_t unconfined_u:object_r:default_t:s0 file",
        'comm="sshd" name="authorized_keys" path="/home/joe/.ssh/authorized_keys" ino=91',
        ("ssh_home_t by its path, which allows this", "restorecon -v /home/joe/.ssh/authorized_keys"),
    ),
    (
        "syslog to other port",
        "name_bind syslogd_t unreserved_port_t udp_socket",
        'comm="rsyslogd" src=10514',
        ("semanage port -a -t syslogd_port_t -p udp 10514",),
    ),
    (
        "rsyslog log in /data",
        "append syslogd_t default_t file",
        'comm="rsyslogd" path="/data/log/messages" name="messages" ino=91',
        ("semanage fcontext -a -t var_log_t '/data/log/messages'",),
    ),
    (
        "cgi script",
        "execute httpd_t httpd_sys_content_t file",
        'comm="apache2" path="/var/www/app/run.cgi" name="run.cgi" ino=91',
        (
            "semanage fcontext -a -t httpd_sys_script_exec_t '/var/www/app/run.cgi'",
            "httpd_enable_cgi=1 this would be allowed",
        ),
    ),
    (
        "samba share in its own directory",
        "read smbd_t default_t dir",
        'comm="smbd" path="/share" name="share" ino=90',
        ("semanage fcontext -a -t samba_share_t '/share(/.*)?'", "restorecon -Rv /share"),
    ),
    (
        "web pages in home directories",
        "read httpd_t staff_u:object_r:user_home_t:s0 file",
        'comm="apache2" name="index.html" ino=33',
        ("setsebool -P httpd_read_user_content 1",),
    ),
    (
        "home directories on NFS, web",
        "read httpd_t nfs_t file",
        'comm="apache2" name="index.html" dev="0:42" ino=35',
        ("setsebool -P httpd_enable_homedirs=1 use_nfs_home_dirs=1",),
    ),
    (
        "code made in memory",
        "execmem httpd_t system_u:system_r:httpd_t:s0 process",
        'comm="node"',
        ("setsebool -P httpd_execmem 1", "careful", "execmem"),
    ),
    (
        "the hashes of passwords",
        "read httpd_t shadow_t file",
        'comm="apache2" name="shadow" path="/etc/shadow" ino=91',
        ("careful", "holds the hashes of passwords"),
    ),
    (
        "a disk without labels",
        "search httpd_t unlabeled_t dir",
        'comm="apache2" path="/mnt/disk" name="disk" dev="sdc1" ino=2',
        ("restorecon -Rv /mnt/disk",),
    ),
    (
        "a virtual machine's disk of another one",
        "read system_u:system_r:svirt_t:s0:c1,c2 system_u:object_r:svirt_image_t:s0:c3,c4 file",
        'comm="qemu" path="/var/lib/libvirt/images/b.img" ino=91',
        ("a constraint forbids it", "mlsconstrain"),
    ),
    (
        "a service started from /home",
        "entrypoint initrc_t unconfined_u:object_r:user_home_t:s0 file",
        'comm="(myapp)" path="/usr/local/bin/myapp" name="myapp" ino=91',
        ("restorecon -v /usr/local/bin/myapp",),
    ),
)


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> tuple[SecurityServer, FileLabels]:
    path: Path = by_selbox("default", tmp_path_factory)
    policy = read_policy(path.read_bytes(), str(path))
    homes = tmp_path_factory.mktemp("homes") / "file_contexts.homedirs"
    homes.write_text(HOMES)
    return SecurityServer(policy), FileLabels(policy, [f"{path}.file_contexts", str(homes)])


def context(text: str, role: str) -> str:
    return text if ":" in text else f"system_u:{role}:{text}:s0"


@pytest.mark.parametrize(("access", "about", "expected"), [pytest.param(*rest, id=name) for name, *rest in SCENARIOS])
def test_the_advice_is_an_experts(
    tools: tuple[SecurityServer, FileLabels], access: str, about: str, expected: tuple[str, ...]
) -> None:
    server, labels = tools
    permission, source, target, tclass = access.split()
    role = "system_r" if tclass in ("process", "capability") else "object_r"
    line = (
        f"type=AVC msg=audit(1750684931.412:1187): avc:  denied  {{ {permission} }} for  pid=2244 {about} "
        f"scontext={context(source, 'system_r')} tcontext={context(target, role)} tclass={tclass} permissive=0"
    )
    lines = [each for each in LogReader().read(line) if isinstance(each, AccessLine)]
    denials = Denials(lambda _: EventFacts())
    denials.add(lines, LoggedCauses(server).find([each.access for each in lines]))
    found = denials.denials()
    advisor = Advisor(server, labels.label)
    advisor.look_over([each.rule for each in found])
    text = denials_text(advised(found, advisor.of), (), 20, Terminal(colour=False, width=1000))
    assert [each for each in expected if each not in text] == [], text
