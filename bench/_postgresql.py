"""PostgreSQL as it is measured: a small database of pgbench's, asked for single rows by their keys."""

import glob
import os
import re
import shutil
import subprocess

from _boxes import MeasurementError

_USER = "postgres"
_SCALE = "1"


def programs() -> str:
    """Return the directory of the server's programs; empty where it or the means to run it are missing."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    tools = all(shutil.which(each) for each in ("setpriv", "pgbench", "psql"))
    return os.path.dirname(found[-1]) if found and tools and os.geteuid() == 0 else ""


def make(directory_of_programs: str, directory: str, port: int) -> tuple[str, ...]:
    """Make a database cluster and return the command that serves it.

    Args:
        directory_of_programs: of the server.
        directory: for the cluster; it becomes that of the server's user.
        port: where it will listen.
    """
    shutil.chown(directory, _USER, _USER)
    data = os.path.join(directory, "data")
    as_user = ("setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--init-groups")
    initdb = (f"{directory_of_programs}/initdb", "-N", "-A", "trust", "-D", data)
    subprocess.run([*as_user, *initdb], check=True, capture_output=True, cwd="/")
    options = ("-k", directory, "-h", "127.0.0.1", "-p", str(port), "-c", "logging_collector=off")
    serve = (shutil.which("setpriv") or "", *as_user[1:], f"{directory_of_programs}/postgres", "-D", data, *options)
    server = subprocess.Popen(serve, cwd="/", stderr=subprocess.DEVNULL)
    try:
        _pgbench(port, "-i", "-s", _SCALE, "-q")
    finally:
        server.terminate()
        server.wait()
    return serve


def select(_: str, port: int, kind: str, times: int) -> float:
    """Return how long one select takes, in µs; with new connections, each is for one of them.

    Raises:
        MeasurementError: when the server does not answer.
    """
    output = _pgbench(port, "-n", "-S", "-t", str(times), *(("-C",) if kind == "new" else ("-M", "prepared")))
    found = re.search(r"latency average = ([\d.]+) ms", output)
    if found is None:
        raise MeasurementError(output)
    return float(found[1]) * 1_000


def _pgbench(port: int, *words: str) -> str:
    command = ["pgbench", "-h", "127.0.0.1", "-p", str(port), "-U", _USER, *words, "postgres"]
    for _ in range(50):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout
        if "connection" not in done.stderr:
            break
    raise MeasurementError(done.stderr.strip())
