"""Sockets."""

from typing import Final

from selbox.objects.operations.operation import Operation, Support

ROWS: Final = (
    Operation(
        "unix sockets: make, bind, listen, accept",
        "unix_stream_socket unix_dgram_socket sock_file dir",
        ("create", "bind", "listen", "accept"),
        "new: attr/sockcreate, or the task's own; the socket file as a file's",
        Support.LIMITED,
        "a socket that was made before the box, or passed in from another program, counts as its first user's; listen "
        "and accept are decided by descriptor number",
        "selinux_socket_create, selinux_socket_bind, selinux_socket_listen, selinux_socket_accept",
        ("socket", "socketpair", "bind", "listen", "accept", "accept4"),
    ),
    Operation(
        "unix sockets: connect",
        "unix_stream_socket unix_dgram_socket sock_file",
        ("connect", "connectto", "sendto", "write"),
        "the own socket; the listening socket; the socket file. A server outside the box has the initial SID kernel's",
        Support.LIMITED,
        "the supervisor connects: a server outside the box sees the supervisor's pid as its peer's",
        "selinux_socket_connect, selinux_socket_unix_stream_connect",
        ("connect",),
    ),
    Operation(
        "who is the peer of a unix socket",
        "",
        (),
        "the peer's",
        Support.LIMITED,
        "needs the kernel's unix_diag; without it the supervisor's pid shows",
        "selinux_socket_getpeersec_stream",
        ("getsockopt",),
    ),
    Operation(
        "messages on unix datagram sockets, descriptor passing",
        "unix_dgram_socket fd",
        ("sendto", "use"),
        "the receiving socket; who opened what is passed",
        Support.NOT_MEDIATED,
        "a program can pass what it opened to another domain over a socket that they share",
        "selinux_unix_may_send, selinux_file_receive",
        (),
    ),
    Operation(
        "network sockets",
        "tcp_socket udp_socket rawip_socket node netif packet peer",
        ("create", "name_bind", "name_connect", "node_bind", "send", "recv"),
        "port, node and interface contexts",
        Support.NOT_MEDIATED,
        "",
        "selinux_socket_bind, selinux_socket_connect",
        (),
    ),
)
