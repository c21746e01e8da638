"""Measures servers in a box: what one request costs its client, over kept connections and over new ones.

The client is outside. Servers are started anew for each sample, plainly and supervised in turn. Beside the small policy
of the measurement they are run under Debian's, in the domains that it gives them, where that can be had.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import _messagebus as messagebus
import _postgresql as postgresql
from _boxes import MeasurementError, Plain, Selbox, Way, environment
from _connections import connected, free_port
from _figures import Figures, Row, show
from _workshop import NoCompilerError, Workshop

from selbox.enforce.launch import missing_support

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(os.path.dirname(_HERE), "tools"))

import debianpolicy  # noqa: E402 - its directory is not that of the measurements

_DATA = "system_u:object_r:server.data_t:s0"
_PAGE = 1000
_START_SECONDS = 60
_DEBIAN_TYPES = {
    "nginx": "httpd_cache_t",
    "redis": "redis_var_lib_t",
    "postgresql": "postgresql_db_t",
    "dbus": "system_dbusd_runtime_t",
}
"""What Debian's policy calls the files of each server."""

_NGINX = """
daemon off; pid {directory}/nginx.pid; error_log {directory}/error.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off; keepalive_requests 1000000; open_file_cache {cache};
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    server {{ listen 127.0.0.1:{port}; root {directory}; }}
}}
"""


class Server(NamedTuple):
    """A server that is measured.

    Attributes:
        name: title of its rows.
        command: program and arguments.
        place: port, or path of a socket, where it listens.
        ask: asks it the given number of times over ``kept`` or ``new`` connections; returns µs for each.
        kinds: the kinds of connections, with how often it is asked.
    """

    name: str
    command: tuple[str, ...]
    place: int | str
    ask: Callable[[str, int], float]
    kinds: tuple[tuple[str, int], ...] = (("kept", 5_000), ("new", 1_000))


def servers(shop: Workshop) -> Iterator[Server]:
    """Return the servers that are installed, with their files made."""
    for path, _, _ in os.walk(shop.directory):
        os.chmod(path, 0o755)  # noqa: S103 - workers give up root and read them
    search = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
    if nginx := shutil.which("nginx", path=search):
        yield from _nginx(nginx, shop)
    if redis := shutil.which("redis-server", path=search):
        port = free_port()
        options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", shop.make("redis"))
        ask = partial(_exchange, shop, port, "*1\r\n$4\r\nPING\r\n", 7)
        yield Server("redis", (redis, *options), port, ask)
    if programs := postgresql.programs():
        port = free_port()
        database = postgresql.make(programs, shop.make("postgresql"), port)
        kinds = (("kept", 4_000), ("new", 50))
        yield Server("PostgreSQL, select", database, port, partial(postgresql.select, programs, port), kinds)
    if bus := shutil.which("dbus-daemon", path=search):
        path = os.path.join(shop.make("dbus"), "socket")
        command = messagebus.make(bus, path)
        kinds = (("kept", 3_000), ("new", 200))
        yield Server("dbus, call of the bus", command, path, partial(messagebus.call, path), kinds)


def _nginx(program: str, shop: Workshop) -> Iterator[Server]:
    directory = shop.make("nginx")
    with open(os.path.join(directory, "index.html"), "w", encoding="ascii") as page:
        page.write("a" * _PAGE)
    for name, cache in (("nginx", "off"), ("nginx with open_file_cache", "max=100")):
        port = free_port()
        configuration = os.path.join(directory, f"{port}.conf")
        with open(configuration, "w", encoding="ascii") as file:
            file.write(_NGINX.format(directory=directory, port=port, cache=cache))
        request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
        yield Server(name, (program, "-c", configuration), port, partial(_exchange, shop, port, request, _PAGE))


@contextmanager
def running(server: Server, way: Way, shop: Workshop) -> Iterator[None]:
    """Have a server run.

    Raises:
        MeasurementError: when it does not answer.
    """
    process = subprocess.Popen(
        way.command(server.command),
        cwd="/",
        env=environment(shop),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < until:
            try:
                connected(server.place).close()
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise MeasurementError(f"{way.name}: {server.name} did not start")
        yield
    finally:
        process.terminate()
        process.wait()


def _exchange(shop: Workshop, port: int, request: str, size: int, kind: str, times: int) -> float:
    """Return how long a request takes, in µs.

    Raises:
        MeasurementError: when the server does not answer.
    """
    size += _header_size(port, request) if "GET" in request else 0
    words = [shop.loops, "exchange", str(port), str(times), kind, str(size), request]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    if result.returncode:
        raise MeasurementError(result.stderr.strip())
    return int(result.stdout) / times / 1_000


def _header_size(port: int, request: str) -> int:
    with connected(port) as client:
        client.sendall(request.encode())
        data = b""
        while b"\r\n\r\n" not in data:
            data += client.recv(4096)
    return data.index(b"\r\n\r\n") + 4


def measure(server: Server, ways: Sequence[Way], rounds: int, shop: Workshop) -> list[Row]:
    """Measure a server in each way in turn; one round before them is not counted."""
    samples: dict[str, dict[str, list[float]]] = {kind: {way.name: [] for way in ways} for kind, _ in server.kinds}
    for count in range(rounds + 1):
        for way in ways:
            with running(server, way, shop):
                for kind, times in server.kinds:
                    value = server.ask(kind, times)
                    if count:
                        samples[kind][way.name].append(value)
    return [
        Row(
            f"{server.name}, {kind} connections",
            "µs",
            {name: Figures(tuple(values)) for name, values in samples[kind].items()},
        )
        for kind, _ in server.kinds
    ]


def debian(shop: Workshop) -> Selbox | None:
    """Return boxes under Debian's policy, in which servers start as init starts them; None where it cannot be had."""
    try:
        paths = debianpolicy.enabled(debianpolicy.packages("default"))
        substitutions = f"{debianpolicy.contexts_directory('default')}/files/file_contexts.subs_dist"
    except debianpolicy.PolicyUnavailableError as error:
        print(f"left out: Debian's policy: {error}", file=sys.stderr)
        return None
    policy, contexts = shop.path("debian.policy"), shop.path("file_contexts")
    words = [sys.executable, "-m", "selbox", "compile", *paths, "-o", policy, "--file-contexts", contexts]
    subprocess.run(words, check=True, capture_output=True)
    shutil.copy(substitutions, f"{contexts}.subs_dist")
    labels = {
        os.path.dirname(shop.directory): "usr_t",
        **{shop.make(name): each for name, each in _DEBIAN_TYPES.items()},
    }
    options = [word for path, each in labels.items() for word in ("--label", f"{path}=system_u:object_r:{each}:s0")]
    return Selbox(("--policy", policy, "--file-contexts", contexts, "--as-init", *options), "selbox, Debian's policy")


def main(words: Sequence[str]) -> int:
    """Measure and show; the status is 1 when a server failed."""
    parser = ArgumentParser(prog="bench/servers.py", description="Measure what a box costs servers.")
    parser.add_argument("--rounds", type=int, default=3, help="samples of each server in each way (3)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only servers with this in their name")
    parser.add_argument("--no-debian", dest="debian", action="store_false", help="not under Debian's policy")
    parser.add_argument("--json", action="store_true", help="write JSON")
    arguments = parser.parse_args(words)
    if missing := missing_support():
        print(f"left out: processes cannot be supervised here: {missing}")
        return 0
    rows: list[Row] = []
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        try:
            shop = Workshop(directory)
        except NoCompilerError as error:
            print(f"left out: {error}")
            return 0
        policy = os.path.join(_HERE, "servers.cil")
        own = Selbox(("--policy", policy, "--domain", "server.t", "--label", f"{directory}={_DATA}"))
        under_debian = debian(shop) if arguments.debian else None
        ways: tuple[Way, ...] = (Plain(), own) if under_debian is None else (Plain(), own, under_debian)
        found = [each for each in servers(shop) if arguments.only in each.name]
        if not found:
            notes.append("left out: none of these servers is installed")
        for server in found:
            print(f"bench: {server.name}", file=sys.stderr)
            try:
                rows += measure(server, ways, arguments.rounds, shop)
            except (MeasurementError, OSError) as error:
                notes.append(f"failed: {server.name}: {error}")
    show("Servers: median (smallest to largest)", rows, notes, as_json=arguments.json)
    return int(any(note.startswith("failed") for note in notes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
