"""Sockets that are passed on in moments when their senders look the other way: none comes to mean another's."""

import shutil
from pathlib import Path

import pytest

from tests.enforce.boxes import Box
from tests.enforce.test_races import compiled
from tests.strength import tries

pytestmark = [
    pytest.mark.enforcement,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="the attackers are C programs, and there is no gcc"),
]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type dog_t) (call domain_type (dog_t))
(type cat_exec_t) (call file_type (cat_exec_t))
(type yard_t) (call file_type (yard_t))
(call domain_transition (dog_t cat_exec_t cat_t))
(call run_files (dog_t yard_t))
(call own_ipc (dog_t))
(call own_ipc (cat_t))
(allow cat_t dog_t (fd (use)))
(allow cat_t dog_t (unix_stream_socket (read write getattr getopt)))
"""
FROM_CAT = "(allow dog_t cat_t (fd (use))) (allow dog_t cat_t (unix_stream_socket (read write getattr getopt)))"

PRELUDE = r"""
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
static char room[CMSG_SPACE(4)], data;
static struct iovec part = {&data, 1};
static int *prepare(struct msghdr *message) {
    struct cmsghdr *first = (struct cmsghdr *)room;
    first->cmsg_len = CMSG_LEN(4); first->cmsg_level = SOL_SOCKET; first->cmsg_type = SCM_RIGHTS;
    *message = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    return (int *)CMSG_DATA(first);
}
/* Tells of a message: its socket, or -1 where it has none; -2 at the end. */
static int received(int channel) {
    char control[64], got;
    struct iovec place = {&got, 1};
    struct msghdr message = {0, 0, &place, 1, control, sizeof control};
    if (recvmsg(channel, &message, 0) <= 0) return -2;
    data = got;
    return CMSG_FIRSTHDR(&message) ? *(int *)CMSG_DATA(CMSG_FIRSTHDR(&message)) : -1;
}
static void cat(int channel);
static void dog(int channel);
int main(int count, char **words) {
    if (count > 2) { cat(atoi(words[2])); return 0; }
    int pair[2];
    char number[9];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    if (!fork()) {
        close(pair[0]);
        sprintf(number, "%d", pair[1]);
        execl(words[1], words[1], words[1], number, NULL);
        _exit(1);
    }
    close(pair[1]);
    dog(pair[0]);
    wait(NULL);
    return 0;
}
"""

HIDDEN = (
    PRELUDE
    + r"""
/* Another process has the header say, now and then, that nothing comes along. */
static void cat(int channel) {
    struct msghdr *message = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    volatile size_t *shown = (volatile size_t *)&message->msg_controllen;
    int *passed = prepare(message), child = fork();
    while (!child) {
        *shown = 0; for (volatile int i = 0; i < 200; i++);
        *shown = sizeof room; for (volatile int i = 0; i < 200; i++);
    }
    for (int i = 0; i < ROUNDS; i++) {
        *passed = socket(AF_UNIX, SOCK_STREAM, 0);
        sendmsg(channel, message, 0);
        close(*passed);
    }
    kill(child, SIGKILL);
}
static void dog(int channel) {
    int messages = 0, taken = 0, got;
    while ((got = received(channel)) > -2) { messages++; if (got >= 0) { taken++; close(got); } }
    printf("%d messages, %d taken\n", messages, taken);
}
"""
)

LISTENING = (
    PRELUDE
    + r"""
static volatile int made = -1, tried;
static char stack[65536];
static void *listen_on(void *unused) {
    for (;;) {
        int fd = made;
        if (fd < 0) { sched_yield(); continue; }
        listen(fd, 1);
        made = -1;
        tried = 1;
    }
    return unused;
}
static int listen_alone(void *unused) { listen_on(unused); return 0; }
/* Before or while a socket is passed, it begins to listen; then the other side is told to look what it has. */
static void cat(int channel) {
    struct msghdr message;
    pthread_t thread;
    int *passed = prepare(&message), child = 0;
#ifdef PROCESS
    child = clone(listen_alone, stack + sizeof stack, CLONE_VM | CLONE_FILES | SIGCHLD, 0);
#else
    pthread_create(&thread, 0, listen_on, 0);
#endif
    for (int i = 0; i < ROUNDS; i++) {
        struct sockaddr none = {AF_UNIX};
        int fd = *passed = socket(AF_UNIX, SOCK_STREAM, 0), unheard = 0;
        socklen_t size = sizeof unheard;
        bind(fd, &none, sizeof none.sa_family);
        tried = 0;
        data = 'p';
        if (i & 1) made = fd;
        if (i % 4 == 1) while (!tried) sched_yield();
        if (i % 4 == 3) for (volatile int j = 0; j < i % 64 * 1500; j++);
        sendmsg(channel, &message, 0);
        made = tried ? -1 : fd;
        while (!tried) sched_yield();
        data = 'l';
        send(channel, &data, 1, 0);
        recv(channel, &data, 1, 0);
        close(fd);
    }
    if (child) kill(child, SIGKILL);
}
static void dog(int channel) {
    int refused = 0, silent = 0, listening = 0, held = -1, got;
    while ((got = received(channel)) > -2) {
        if (data == 'p') { held = got; if (got < 0) refused++; continue; }
        int listens = 0;
        socklen_t size = sizeof listens;
        if (held >= 0) {
            getsockopt(held, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
            if (listens) listening++; else silent++;
            close(held);
        }
        held = -1;
        send(channel, "x", 1, 0);
    }
    printf("%d refused, %d silent, %d listening\n", refused, silent, listening);
}
"""
)


def numbers(directory: Path, policy: str, source: str, rounds: int) -> tuple[list[int], str]:
    """Run a dog that runs a cat; return the numbers that it tells, and what the supervisor says."""
    box = Box(directory, POLICY + policy)
    cat = compiled(box, "cat", source, rounds)
    dog = directory / "dog"
    shutil.copy(cat, dog)
    labels = {directory: "yard_t", cat: "cat_exec_t"}
    options = [f"--label={path}=system_u:object_r:{name}:s0" for path, name in labels.items()]
    outcome = box.run(str(dog), str(cat), options=("--domain", "dog_t", *options), timeout=240)
    return [int(each) for each in outcome.output.split() if each.isdigit()], outcome.errors


def test_a_socket_that_its_sender_hides_is_nobodys(tmp_path: Path) -> None:
    """By the connection it seems to come from the dog, which may use its own; what the cat made it may not."""
    (messages, taken), errors = numbers(tmp_path, "", HIDDEN, tries(8_000))
    assert (taken, errors) == (0, "")
    assert messages > 0


@pytest.mark.parametrize("process", ["", "#define PROCESS\n"], ids=["a thread listens", "a process listens"])
def test_no_socket_that_listens_is_handed_over(tmp_path: Path, process: str) -> None:
    """Accepting is not asked about, so nobody may have another domain's that does, whichever comes first."""
    rounds = tries(2_400)
    (refused, silent, listening), _ = numbers(tmp_path, FROM_CAT, process + LISTENING, rounds)
    assert listening == 0
    assert refused + silent == rounds
    assert refused >= rounds // 4, "who listens before it sends is refused"
