"""Debian's nginx with its own configuration, in ``httpd_t`` where init starts it."""

from pathlib import Path

import pytest

from tests.services.running import SHELL, Host, needs

pytestmark = needs("nginx", "unshare")

GET = "GET /{} HTTP/1.0\\r\\n\\r\\n"
OK = "HTTP/1.1 200 OK"
SERVER = f"""{SHELL}
nginx -g 'daemon off;' &
answers 80 '{GET.format("")}' '{OK}'
domain $!
"""
BY_HAND = "unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023"


@pytest.mark.parametrize("mode", ["--enforcing", "--permissive"])
def test_it_serves_pages_and_a_wrong_client_does_not_get_in(policy: Path, directory: Path, mode: str) -> None:
    host = Host(policy, directory, clock="ntpd_exec_t")
    get = GET.format("")
    outcome = host.run(f"{SERVER} for i in 1 2 3; do $CLIENT 80 '{get}'; done; $CLOCK 80 '{get}'", mode)
    denied = mode == "--enforcing"
    assert outcome.lines[:4] == ["system_u:system_r:httpd_t:s0", *[OK] * 3], outcome.errors
    assert outcome.lines[4] == ("EACCES" if denied else OK)
    assert outcome.denials == ["ntpd_t http_port_t:tcp_socket name_connect"]
    assert outcome.records[0].permissive is not denied


def test_what_is_not_labelled_as_web_content_is_forbidden(policy: Path, directory: Path) -> None:
    secret = directory / "secret"
    secret.write_text("a secret\n")
    script = f"""{SHELL}
nginx -g 'daemon off;' -c {directory}/nginx.conf &
answers 8080 '{GET.format("page")}' '{OK}'
$CLIENT 8080 '{GET.format("secret")}'
"""
    (directory / "page").write_text("a page\n")
    (directory / "nginx.conf").write_text(
        f"user www-data; pid /run/nginx.pid; events {{}} http {{ server {{ listen 8080; root {directory}; }} }}"
    )
    web, shadow = "system_u:object_r:httpd_sys_content_t:s0", "system_u:object_r:shadow_t:s0"
    host = Host(policy, directory)
    outcome = host.run(script, f"--label={directory}/page={web}", f"--label={secret}={shadow}")
    assert outcome.lines == ["HTTP/1.1 403 Forbidden"], outcome.errors
    assert outcome.denials == ["httpd_t shadow_t:file read"]


def test_by_hand_it_is_in_another_domain_than_by_its_script(policy: Path, directory: Path) -> None:
    script = f"""{SHELL}
nginx -g 'daemon off;' &
answers 80 '{GET.format("")}' '{OK}'; domain $!; kill $!; wait
/etc/init.d/nginx start >&2
answers 80 '{GET.format("")}' '{OK}'; domain $(cat /run/nginx.pid); /etc/init.d/nginx stop >&2
"""
    outcome = Host(policy, directory).run(script, "--from", BY_HAND)
    by_script = "unconfined_u:system_r:httpd_t:s0-s0:c0.c1023"
    assert outcome.lines == [BY_HAND, by_script], outcome.errors
    # What the shell was given as input and output stays behind, as it does on a system.
    assert {*outcome.denials} <= {"httpd_t unconfined_t:fd use"}
