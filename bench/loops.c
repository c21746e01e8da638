/*
 * The inner side of bench/enforcement.py: what is measured runs here, inside the box, and tells its own time.
 * Every subcommand prints nanoseconds on one line; a call that fails ends the program with a message and status 1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void require_success(pid_t pid)
{
	int status;

	if (pid < 0)
		fail("fork");
	if (waitpid(pid, &status, 0) != pid)
		fail("waitpid");
	if (status != 0) {
		fprintf(stderr, "a child ended with wait status %d\n", status);
		exit(1);
	}
}

static void open_often(const char *path, long times)
{
	for (long i = 0; i < times; i++) {
		int descriptor = open(path, O_RDONLY | O_CLOEXEC);

		if (descriptor < 0)
			fail(path);
		close(descriptor);
	}
}

static void stat_often(const char *path, long times)
{
	struct stat status;

	for (long i = 0; i < times; i++) {
		if (stat(path, &status))
			fail(path);
	}
}

static void open_in_vain(const char *path, long times)
{
	for (long i = 0; i < times; i++) {
		if (open(path, O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES)
			fail("an open that should be denied");
	}
}

static void open_in_processes(const char *path, long times, long processes)
{
	pid_t children[64];

	if (processes < 1 || processes > 64)
		fail("number of processes");
	for (long i = 0; i < processes; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			open_often(path, times / processes);
			_exit(0);
		}
	}
	for (long i = 0; i < processes; i++)
		require_success(children[i]);
}

static pid_t start(char *const *command)
{
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		if (null < 0 || dup2(null, 1) < 0)
			fail("/dev/null");
		execv(command[0], command);
		fail(command[0]);
	}
	return pid;
}

static void exec_often(char *path, long times)
{
	char *command[] = { path, NULL };

	for (long i = 0; i < times; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			execv(path, command);
			fail(path);
		}
		require_success(pid);
	}
}

static void connect_often(const char *path, long times)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(address.sun_path, path, sizeof address.sun_path - 1);
	unlink(path);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 8))
		fail(path);
	for (long i = 0; i < times; i++) {
		int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int server;

		if (client < 0 || connect(client, (struct sockaddr *)&address, sizeof address))
			fail("connect");
		server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (server < 0)
			fail("accept4");
		close(server);
		close(client);
	}
	unlink(path);
}

static void send_datagrams(const char *path, long times)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int bowl = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char data[64] = "";

	strncpy(address.sun_path, path, sizeof address.sun_path - 1);
	unlink(path);
	if (bind(bowl, (struct sockaddr *)&address, sizeof address))
		fail(path);
	for (long i = 0; i < times; i++) {
		if (sendto(sender, data, sizeof data, 0, (struct sockaddr *)&address, sizeof address) != sizeof data)
			fail("sendto");
		if (recv(bowl, data, sizeof data, 0) != sizeof data)
			fail("recv");
	}
	unlink(path);
}

static void send_messages(long times)
{
	char data[64] = "";
	struct iovec part = { data, sizeof data };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		fail("socketpair");
	for (long i = 0; i < times; i++) {
		struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

		if (sendmsg(pair[0], &message, 0) != sizeof data || recvmsg(pair[1], &message, 0) != sizeof data)
			fail("sendmsg and recvmsg");
	}
}

static int connected_to(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(client, (struct sockaddr *)&address, sizeof address))
		fail("connect");
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	return client;
}

static void exchange(int port, long times, int is_kept, long size, const char *request)
{
	static char data[1 << 16];
	struct linger at_once = { 1, 0 };
	int client = is_kept ? connected_to(port) : -1;

	for (long i = 0; i < times; i++) {
		if (!is_kept)
			client = connected_to(port);
		if (write(client, request, strlen(request)) < 0)
			fail("write");
		for (long got = 0; got < size;) {
			ssize_t part = read(client, data, sizeof data);

			if (part <= 0)
				fail("read");
			got += part;
		}
		if (!is_kept) {
			setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
			close(client);
		}
	}
}

int main(int count, char **words)
{
	long long begin = now();
	const char *what = count > 1 ? words[1] : "";
	long times = count > 3 ? atol(words[3]) : 0;

	if (!strcmp(what, "first")) {
		printf("%lld\n", begin);
		return 0;
	}
	if (count < 3) {
		fprintf(stderr, "usage: loops first | timed PROGRAM... | open|stat|denied|exec|connect|datagrams PATH TIMES | messages - TIMES | open-in PATH TIMES PROCESSES | exchange PORT TIMES kept|new SIZE REQUEST\n");
		return 2;
	}
	if (!strcmp(what, "timed"))
		require_success(start(words + 2));
	else if (!strcmp(what, "open"))
		open_often(words[2], times);
	else if (!strcmp(what, "stat"))
		stat_often(words[2], times);
	else if (!strcmp(what, "denied"))
		open_in_vain(words[2], times);
	else if (!strcmp(what, "open-in"))
		open_in_processes(words[2], times, count > 4 ? atol(words[4]) : 0);
	else if (!strcmp(what, "exec"))
		exec_often(words[2], times);
	else if (!strcmp(what, "connect"))
		connect_often(words[2], times);
	else if (!strcmp(what, "datagrams"))
		send_datagrams(words[2], times);
	else if (!strcmp(what, "messages"))
		send_messages(times);
	else if (!strcmp(what, "exchange") && count > 6)
		exchange(atoi(words[2]), times, !strcmp(words[4], "kept"), atol(words[5]), words[6]);
	else
		return 2;
	printf("%lld\n", now() - begin);
	return 0;
}
