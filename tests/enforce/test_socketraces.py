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
from tests.strength import tries

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
#include "race.h"
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
    int leaked = 0, good = 0, refused = 0;
    allowed = atoi(words[1]); forbidden = atoi(words[2]);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pthread_create(&thread, 0, flip, 0);
    for (int i = 0; GOES_ON(i, good && refused); i++) {
        int fd = socket(AF_INET, SOCK_STREAM | (i & 1 ? SOCK_NONBLOCK : 0), 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof address)) refused += errno == EACCES;
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
    int leaked = 0, good = 0, refused = 0;
    allowed = atoi(words[1]); forbidden = atoi(words[2]);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pthread_create(&thread, 0, flip, 0);
    for (int i = 0; GOES_ON(i, good && refused); i++) {
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        if (bind(fd, (struct sockaddr *)&address, sizeof address)) refused += errno == EACCES;
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
    int leaked = 0, good = 0, refused = 0;
    forbidden = atoi(words[2]);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(forbidden);
    datagram = socket(AF_INET, SOCK_DGRAM, 0);
    stream = socket(AF_INET, SOCK_STREAM, 0);
    shown = dup(datagram);
    pthread_create(&thread, 0, swap, 0);
    for (int i = 0; GOES_ON(i, good && refused); i++) {
        if (connect(shown, (struct sockaddr *)&address, sizeof address) == 0) good++; else refused += errno == EACCES;
        if (port_of(stream, 1) == forbidden) leaked++;
    }
    printf("%d good, %d leaked\n", good, leaked);
    return 0;
}
"""


MESSAGES = r"""
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
static struct sockaddr_un names[2];
static volatile struct sockaddr_un name;
static int shown, harmless, harmful, withheld;
static void name_it(struct sockaddr_un *made, const char *text) {
    made->sun_family = AF_UNIX;
    strcpy(made->sun_path + 1, text);
}
static void *flip_names(void *unused) {
    for (;;) { name = names[0]; BARRIER; name = names[1]; BARRIER; }
    return unused;
}
static void *swap(void *unused) {
    for (;;) { dup2(harmless, shown); dup2(harmful, shown); }
    return unused;
}
static int send_to(int fd) {
    char data = 'x';
    struct iovec part = {&data, 1};
    struct msghdr message = {(void *)&name, 3 + strlen(names[0].sun_path + 1), &part, 1};
    return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}
static int received(int fd) {
    char data[16], control[64];
    struct iovec part = {data, sizeof data};
    struct msghdr message = {0, 0, &part, 1, control, sizeof control};
    ssize_t size = recvmsg(fd, &message, MSG_DONTWAIT);
    if (size <= 0) return -1;
    withheld += (message.msg_flags & MSG_CTRUNC) != 0;
    struct cmsghdr *first = CMSG_FIRSTHDR(&message);
    if (!first) return 0;
    close(*(int *)CMSG_DATA(first));
    return 1;
}
"""

ADDRESS = (
    MESSAGES
    + r"""
int main(int count, char **words) {
    pthread_t thread;
    int good = 0, refused = 0, bowl = socket(AF_UNIX, SOCK_DGRAM, 0), fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    char data[9];
    name_it(&names[0], words[1]); name_it(&names[1], words[2]);
    bind(bowl, (struct sockaddr *)&names[0], 3 + strlen(words[1]));
    pthread_create(&thread, 0, flip_names, 0);
    for (int i = 0; GOES_ON(i, good && refused); i++) {
        if (send_to(fd) == 1) good++; else refused += errno == EACCES;
        while (recv(bowl, data, 9, MSG_DONTWAIT) > 0);
    }
    printf("%d good\n", good);
    return 0;
}
"""
)

SOCKET = (
    MESSAGES
    + r"""
int main(int count, char **words) {
    pthread_t thread;
    int good = 0, refused = 0, pair[2];
    char data[99];
    name_it(&names[0], words[2]); name = names[0];
    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
    harmless = pair[0]; harmful = socket(AF_UNIX, SOCK_DGRAM, 0); shown = dup(harmful);
    pthread_create(&thread, 0, swap, 0);
    for (int i = 0; GOES_ON(i, good && refused); i++) {
        if (send_to(shown) == 1) good++; else refused += errno == EACCES;
        while (recv(pair[1], data, 99, MSG_DONTWAIT) > 0);
    }
    printf("%d good\n", good);
    return 0;
}
"""
)

RECEIVE = (
    MESSAGES
    + r"""
static char stack[65536];
static int swap_alone(void *unused) { swap(unused); return 0; }
int main(int count, char **words) {
    pthread_t thread;
    int good = 0, leaked = 0;
    struct sockaddr_in here = {AF_INET};
    socklen_t size = sizeof here;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    harmless = socket(AF_INET, SOCK_DGRAM, 0);
    bind(harmless, (struct sockaddr *)&here, sizeof here);
    getsockname(harmless, (struct sockaddr *)&here, &size);
    connect(harmless, (struct sockaddr *)&here, sizeof here);
    harmful = socket(AF_UNIX, SOCK_STREAM, 0);
    name_it(&names[1], words[2]);
    if (connect(harmful, (struct sockaddr *)&names[1], 3 + strlen(words[2]))) { perror("connect"); return 1; }
    shown = dup(harmless);
    pid_t child = 0;
#ifdef PROCESS
    child = clone(swap_alone, stack + sizeof stack, CLONE_FILES | SIGCHLD, 0);
#else
    pthread_create(&thread, 0, swap, 0);
#endif
    for (int i = 0; GOES_ON(i, good > withheld && withheld); i++) {
        send(harmless, "x", 1, MSG_DONTWAIT);
        int got = received(shown);
        if (got > 0) leaked++; else if (got == 0) good++;
    }
    if (child) kill(child, SIGKILL);
    printf("%d good, %d leaked\n", good, leaked);
    return 0;
}
"""
)


def free_port() -> int:
    """Return a port for datagrams that nobody has, of those to which everybody may bind."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for port in range(8126, 8200):
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise AssertionError("no port is free")


@contextmanager
def serving(ports: range) -> Iterator[int]:
    """Take connections to a port, and end them, until done."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for port in ports:
            with suppress(OSError):
                server.bind(("127.0.0.1", port))
                break
        server.listen(256)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    server.accept()[0].close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize(
    ("source", "rounds"),
    [
        pytest.param(CONNECT, tries(3_000), id="a thread changes the address of connect"),
        pytest.param(BIND, tries(3_000), id="a thread changes the address of bind"),
        pytest.param(DESCRIPTOR, tries(3_000), id="a thread changes the descriptor of connect"),
    ],
)
def test_a_race_is_never_won(tmp_path: Path, source: str, rounds: int) -> None:
    box = Box(tmp_path, POLICY)
    attacker = compiled(box, "attacker", PRELUDE + source, rounds)
    with serving(range(8260, 8300)) as allowed, serving(range(8140, 8180)) as forbidden:
        ports = (str(allowed), str(forbidden)) if source is not BIND else (str(free_port()), "8123")
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


NAMES = "(allow cat_t kernel_t (unix_stream_socket (connectto)))"


@contextmanager
def listening(name: str, files: Path | None) -> Iterator[list[bytes]]:
    """Outside the box: take datagrams to an abstract name, or give a file to whoever connects, again and again."""
    taken: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM if files is None else socket.SOCK_STREAM) as server:
        server.bind("\0" + name)
        if files is not None:
            server.listen()

        def take() -> None:
            while data := server.recv(9):
                taken.append(data)

        def give(path: Path) -> None:
            end, _ = server.accept()
            with end, path.open() as file:
                while True:
                    socket.send_fds(end, [b"y"], [file.fileno()])

        def serve() -> None:
            with suppress(OSError):
                take() if files is None else give(files)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield taken
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize(
    ("source", "rounds"),
    [
        pytest.param(ADDRESS, tries(3_000), id="a thread changes the address of a datagram"),
        pytest.param(SOCKET, tries(3_000), id="a thread changes the socket of a datagram"),
        pytest.param(RECEIVE, tries(3_000), id="a thread changes the socket of recvmsg"),
        pytest.param("#define PROCESS\n" + RECEIVE, tries(3_000), id="a process changes the socket of recvmsg"),
    ],
)
def test_no_message_wins_a_race(tmp_path: Path, source: str, rounds: int) -> None:
    box = Box(tmp_path, POLICY + "(type salt_t) (call file_type (salt_t))" + (NAMES if RECEIVE in source else ""))
    attacker = compiled(box, "attacker", PRELUDE + source, rounds)
    salt = box.file("salt", "secret")
    names = f"bowl{attacker.stat().st_ino}", f"salt{attacker.stat().st_ino}"
    with listening(names[1], salt if RECEIVE in source else None) as taken:
        outcome = box.run(
            str(attacker),
            *names,
            options=(
                *("--domain", "cat_t", f"--label={attacker}=system_u:object_r:bin_t:s0"),
                f"--label={salt}=system_u:object_r:salt_t:s0",
            ),
            timeout=240,
        )
    words = outcome.output.split()
    assert words, outcome.errors
    assert outcome.records, "it never even tried what is denied"
    assert not taken
    assert words[2:3] in ([], ["0"]), outcome.output
    assert int(words[0]) > 0, "the race must leave the allowed way open, or it proves nothing"
