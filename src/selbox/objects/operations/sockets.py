"""Sockets."""

from typing import Final

from selbox.objects.operations.operation import Operation, Support

ROWS: Final = (
    Operation(
        "make a socket",
        "socket tcp_socket udp_socket rawip_socket icmp_socket sctp_socket dccp_socket unix_stream_socket "
        "unix_dgram_socket packet_socket netlink_socket netlink_route_socket vsock_socket alg_socket",
        ("create",),
        "new: attr/sockcreate, or by transition from the task to itself",
        Support.ENFORCED,
        "every family and its class, by the capability extended_socket_class; what a listening socket accepts has its "
        "label. With attr/sockcreate set, a task in a network namespace of its own makes none",
        "selinux_socket_create, selinux_socket_post_create, socket_type_to_security_class",
        ("socket", "socketpair"),
    ),
    Operation(
        "bind a socket",
        "socket unix_stream_socket unix_dgram_socket sock_file dir",
        ("bind",),
        "the socket; a socket file as other files. A socket that was made before the box counts as its first user's",
        Support.ENFORCED,
        "",
        "selinux_socket_bind",
        ("bind",),
    ),
    Operation(
        "bind to a port and a node",
        "tcp_socket udp_socket rawip_socket icmp_socket sctp_socket dccp_socket",
        ("bind", "name_bind", "node_bind"),
        "port and node as the policy labels them, asked for by the socket",
        Support.ENFORCED,
        "which ports are for everybody is read from the supervisor's own network namespace",
        "selinux_socket_bind",
        ("bind",),
    ),
    Operation(
        "connect to a port",
        "tcp_socket sctp_socket dccp_socket",
        ("connect", "name_connect"),
        "the port as the policy labels it, asked for by the socket",
        Support.ENFORCED,
        "",
        "selinux_socket_connect",
        ("connect",),
    ),
    Operation(
        "listen, and take connections",
        "socket tcp_socket unix_stream_socket sctp_socket",
        ("listen", "accept"),
        "the listening socket",
        Support.LIMITED,
        "decided by descriptor number: a thread that exchanges the descriptor meanwhile has another socket of its own "
        "process listen",
        "selinux_socket_listen, selinux_socket_accept",
        ("listen", "accept", "accept4"),
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
        "packets",
        "node netif packet peer association",
        ("recvfrom", "sendto", "ingress", "egress", "send", "recv"),
        "node and interface contexts; labels of packets",
        Support.NOT_MEDIATED,
        "packets are no system calls; on a kernel they are asked about only where labelled networking is set up",
        "selinux_socket_sock_rcv_skb, selinux_ip_output, selinux_ip_postroute",
        (),
    ),
)
