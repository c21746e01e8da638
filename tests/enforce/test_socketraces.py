"""Hostile programs that race the supervisor at sockets: what is denied is never once done."""

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.enforce.boxes import Box
from tests.enforce.test_internetsockets import TYPES
from tests.enforce.test_races import compiled

pytestmark = [
    pytest.mark.enforcement,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="the attackers are C programs, and there is no gcc"),
]

POLICY = (
    "(type cat_t) (call domain_type (cat_t))"
    + TYPES
    + """
    (allow cat_t self (tcp_socket (create connect bind getattr getopt setopt read write)))
    (allow cat_t self (udp_socket (create connect bind getattr getopt setopt read write)))
    (allow cat_t here_node_t (udp_socket (node_bind)))
    (allow cat_t db_port_t (tcp_socket (name_connect)))
    (allow cat_t port_t (udp_socket (name_bind)))
    """
)

PRELUDE = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#define BARRIER __asm__ volatile("" ::: "memory")
static volatile struct sockaddr_in address = {.sin_family = AF_INET};
static int allowed, forbidden;
static void *flip(void *unused) {
    for (;;) {
        address.sin_port = htons(allowed); BARRIER;
        address.sin_port = htons(forbidden); BARRIER;
    }
    return unused;
}
static int port_of(int fd, int peer) {
    struct sockaddr_in got = {0};
    socklen_t size = sizeof got;
    (peer ? getpeername : getsockname)(fd, (struct sockaddr *)&got, &size);
    return ntohs(got.sin_port);
}
"""

CONNECT = r"""
int main(int count, char **words) {
    pthread_t thread;
    int leaked = 0, good = 0;
    allowed = atoi(words[1]); forbidden = atoi(words[2]);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pthread_create(&thread, 0, flip, 0);
    for (int i = 0; i < ROUNDS; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | (i & 1 ? SOCK_NONBLOCK : 0), 0);
        connect(fd, (struct sockaddr *)&address, sizeof address);
        int port = port_of(fd, 1);
        struct linger hard = {1, 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        if (port == forbidden) leaked++; else if (port == allowed) good++;
        close(fd);
    }
    printf("%d good, %d leaked\n", good, leaked);
    return 0;
}
"""

BIND = r"""
int main(int count, char **words) {
    pthread_t thread;
    int leaked = 0, good = 0;
    allowed = atoi(words[1]); forbidden = atoi(words[2]);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pthread_create(&thread, 0, flip, 0);
    for (int i = 0; i < ROUNDS; i++) {
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        bind(fd, (struct sockaddr *)&address, sizeof address);
        int port = port_of(fd, 0);
        if (port == forbidden) leaked++; else if (port == allowed) good++;
        close(fd);
    }
    printf("%d good, %d leaked\n", good, leaked);
    return 0;
}
"""

DESCRIPTOR = r"""
static int datagram, shown;
static volatile int stream;
static void *swap(void *unused) {
    for (;;) { dup2(datagram, shown); dup2(stream, shown); }
    return unused;
}
int main(int count, char **words) {
    pthread_t thread;
    int leaked = 0, good = 0;
    forbidden = atoi(words[2]);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(forbidden);
    datagram = socket(AF_INET, SOCK_DGRAM, 0);
    stream = socket(AF_INET, SOCK_STREAM, 0);
    shown = dup(datagram);
    pthread_create(&thread, 0, swap, 0);
    for (int i = 0; i < ROUNDS; i++) {
        if (connect(shown, (struct sockaddr *)&address, sizeof address) == 0) good++;
        if (port_of(stream, 1) == forbidden) leaked++;
    }
    printf("%d good, %d leaked\n", good, leaked);
    return 0;
}
"""


@contextmanager
def serving(port: int) -> Iterator[None]:
    """Take connections to a port, and end them, until done."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen(256)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    server.accept()[0].close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize(
    ("source", "rounds"),
    [
        pytest.param(CONNECT, 6_000, id="a thread changes the address of connect"),
        pytest.param(BIND, 6_000, id="a thread changes the address of bind"),
        pytest.param(DESCRIPTOR, 6_000, id="a thread changes the descriptor of connect"),
    ],
)
def test_a_race_is_never_won(tmp_path: Path, source: str, rounds: int) -> None:
    box = Box(tmp_path, POLICY)
    attacker = compiled(box, "attacker", PRELUDE + source, rounds)
    with serving(8260), serving(8140):
        ports = ("8260", "8140") if source is not BIND else ("8126", "8123")
        outcome = box.run(
            str(attacker),
            *ports,
            options=("--domain", "cat_t", f"--label={attacker}=system_u:object_r:bin_t:s0"),
            timeout=240,
        )
    words = outcome.output.split()
    assert outcome.records, "it never even tried what is denied"
    assert words[2] == "0", outcome.output
    assert int(words[0]) > 0, "the race must leave the allowed way open, or it proves nothing"
