/* The floor: runs a command under a supervisor that is told of the calls that selbox is told of most, and lets each go
 * on at once. It reads no memory and decides nothing, so what a workload takes under it is what stopping and waking take:
 * no supervisor that is asked about these calls, in whatever language, takes less.
 *
 *     floor COMMAND ARGUMENT...
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SET_FLAGS SECCOMP_IOW(4, __u64)
#define SYNC_WAKE_UP 1UL
#define COUNT(array) (sizeof(array) / sizeof *(array))

static const int asked_about[] = {
    SYS_open, SYS_openat, SYS_stat, SYS_lstat, SYS_newfstatat, SYS_statx, SYS_readlink, SYS_readlinkat, SYS_access,
    SYS_faccessat, SYS_faccessat2, SYS_execve, SYS_unlink, SYS_unlinkat, SYS_chdir, SYS_pipe2,
};

static int install_filter(void) {
    struct sock_filter rows[COUNT(asked_about) + 3];
    struct sock_fprog program = {COUNT(rows), rows};
    size_t row = 0;

    rows[row++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t each = 0; each < COUNT(asked_about); each++)
        rows[row++] = (struct sock_filter)BPF_JUMP(
            BPF_JMP | BPF_JEQ | BPF_K, asked_about[each], COUNT(asked_about) - each, 0);
    rows[row++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    rows[row++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static void let_all_go_on(int listener) {
    struct pollfd poll_for = {listener, POLLIN, 0};
    struct seccomp_notif call;

    ioctl(listener, SET_FLAGS, SYNC_WAKE_UP);
    while (poll(&poll_for, 1, -1) > 0 && !(poll_for.revents & POLLHUP)) {
        memset(&call, 0, sizeof call);
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
            continue; /* its caller has died */
        struct seccomp_notif_resp answer = {call.id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE};
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
}

int main(int count, char **words) {
    int listener = -1, status, pipes[2];

    if (count < 2) {
        fprintf(stderr, "usage: floor COMMAND ARGUMENT...\n");
        return 2;
    }
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return 1;
    /* Until it executes the command the child has this very table of descriptors, so the listener is in both. */
    pid_t child = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) {
        listener = install_filter();
        if (listener < 0 || write(pipes[1], &listener, sizeof listener) != sizeof listener)
            _exit(126);
        execvp(words[1], words + 1);
        _exit(127);
    }
    if (child < 0 || read(pipes[0], &listener, sizeof listener) != sizeof listener)
        return 1;
    let_all_go_on(listener);
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
