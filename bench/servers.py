"""Measures servers in a box: what one request costs its client, over kept connections and over new ones.

The client is outside. Servers are started anew for each sample, plainly and supervised in turn.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from _boxes import MeasurementError, Plain, Selbox, Way, environment
from _figures import Figures, Row, show
from _workshop import NoCompilerError, Workshop

from selbox.enforce.launch import missing_support

_HERE = os.path.dirname(os.path.abspath(__file__))
_DATA = "system_u:object_r:server.data_t:s0"
_PAGE = 1000
_KEPT, _NEW = 5_000, 1_000
_START_SECONDS = 60

_NGINX = """
daemon off; pid {directory}/nginx.pid; error_log {directory}/error.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off; keepalive_requests 1000000; open_file_cache {cache};
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    server {{ listen 127.0.0.1:{port}; root {directory}/pages; }}
}}
"""


class Server(NamedTuple):
    """A server that is measured.

    Attributes:
        name: title of its rows.
        command: program and arguments.
        port: where it listens.
        request: what it is asked.
        size: of its answer, in bytes.
    """

    name: str
    command: tuple[str, ...]
    port: int
    request: str
    size: int


def servers(shop: Workshop) -> Iterator[Server]:
    """Return the servers that are installed, with their files made."""
    directory = shop.path("server")
    os.makedirs(os.path.join(directory, "pages"))
    with open(os.path.join(directory, "pages", "index.html"), "w", encoding="ascii") as page:
        page.write("a" * _PAGE)
    for path, _, _ in os.walk(shop.directory):
        os.chmod(path, 0o755)  # noqa: S103 - workers give up root and read them
    search = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
    if nginx := shutil.which("nginx", path=search):
        for name, cache in (("nginx", "off"), ("nginx with open_file_cache", "max=100")):
            port = _free_port()
            configuration = os.path.join(directory, f"{port}.conf")
            with open(configuration, "w", encoding="ascii") as file:
                file.write(_NGINX.format(directory=directory, port=port, cache=cache))
            request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
            yield Server(name, (nginx, "-c", configuration), port, request, _PAGE)
    if redis := shutil.which("redis-server", path=search):
        port = _free_port()
        options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory)
        yield Server("redis", (redis, *options), port, "*1\r\n$4\r\nPING\r\n", 7)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(server: Server, way: Way, shop: Workshop) -> Iterator[None]:
    """Have a server run.

    Raises:
        MeasurementError: when it does not answer.
    """
    process = subprocess.Popen(
        way.command(server.command),
        cwd=shop.directory,
        env=environment(shop),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", server.port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise MeasurementError(f"{way.name}: {server.name} did not start")
        yield
    finally:
        process.terminate()
        process.wait()


def ask(server: Server, kind: str, times: int, shop: Workshop) -> float:
    """Return how long a request takes, in µs.

    Raises:
        MeasurementError: when the server does not answer.
    """
    size = server.size + (_header_size(server) if "GET" in server.request else 0)
    words = [shop.loops, "exchange", str(server.port), str(times), kind, str(size), server.request]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    if result.returncode:
        raise MeasurementError(f"{server.name}: {result.stderr.strip()}")
    return int(result.stdout) / times / 1_000


def _header_size(server: Server) -> int:
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(server.request.encode())
        data = b""
        while b"\r\n\r\n" not in data:
            data += client.recv(4096)
    return data.index(b"\r\n\r\n") + 4


def measure(server: Server, ways: Sequence[Way], rounds: int, shop: Workshop) -> list[Row]:
    """Measure a server in each way in turn; one round before them is not counted."""
    kinds = (("kept", _KEPT), ("new", _NEW))
    samples: dict[str, dict[str, list[float]]] = {kind: {way.name: [] for way in ways} for kind, _ in kinds}
    for count in range(rounds + 1):
        for way in ways:
            with running(server, way, shop):
                for kind, times in kinds:
                    value = ask(server, kind, times, shop)
                    if count:
                        samples[kind][way.name].append(value)
    return [
        Row(
            f"{server.name}, {kind} connections",
            "µs",
            {name: Figures(tuple(values)) for name, values in samples[kind].items()},
        )
        for kind, _ in kinds
    ]


def main(words: Sequence[str]) -> int:
    """Measure and show; the status is 1 when a server failed."""
    parser = ArgumentParser(prog="bench/servers.py", description="Measure what a box costs servers.")
    parser.add_argument("--rounds", type=int, default=3, help="samples of each server in each way (3)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only servers with this in their name")
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
        ways = (Plain(), Selbox(("--policy", policy, "--domain", "server.t", "--label", f"{directory}={_DATA}")))
        found = [each for each in servers(shop) if arguments.only in each.name]
        if not found:
            notes.append("left out: no nginx or redis-server on PATH")
        for server in found:
            print(f"bench: {server.name}", file=sys.stderr)
            try:
                rows += measure(server, ways, arguments.rounds, shop)
            except MeasurementError as error:
                notes.append(f"failed: {server.name}: {error}")
    show("Servers: median (smallest to largest)", rows, notes, as_json=arguments.json)
    return int(any(note.startswith("failed") for note in notes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
