/* Tells what a program was given at exec: AT_SECURE, its limit of open files, ignored and blocked signals. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <unistd.h>

int main(void) {
    struct rlimit limit;
    struct sigaction action;
    sigset_t blocked;
    getrlimit(RLIMIT_NOFILE, &limit);
    sigaction(SIGUSR1, 0, &action);
    sigprocmask(SIG_BLOCK, 0, &blocked);
    dprintf(1, "secure %lu, 77 files %d, ignored %d, blocked %d\n", getauxval(AT_SECURE), limit.rlim_cur == 77,
            action.sa_handler == SIG_IGN, sigismember(&blocked, SIGUSR2));
    return 0;
}
