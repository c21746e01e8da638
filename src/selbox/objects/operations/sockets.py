"""Sockets."""

from typing import Final

from selbox.objects.operations.operation import FILE_CLASSES, Operation, Support

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
        "send a datagram to a unix address",
        "unix_dgram_socket sock_file dir",
        ("write", "sendto"),
        "the own socket; the receiving socket; the socket file",
        Support.LIMITED,
        "on connected sockets, sendto is asked when they are connected. The supervisor sends: without root, a receiver "
        "that asks for credentials is told the supervisor's pid",
        "selinux_socket_sendmsg, selinux_socket_unix_may_send",
        ("sendto", "sendmsg", "sendmmsg"),
    ),
    Operation(
        "connect by sending (TCP fast open, SCTP)",
        "tcp_socket sctp_socket",
        ("write", "connect", "name_connect"),
        "as for connect",
        Support.ENFORCED,
        "",
        "selinux_socket_connect, selinux_sctp_bind_connect",
        ("sendto", "sendmsg", "sendmmsg"),
    ),
    Operation(
        "receive open files (SCM_RIGHTS)",
        f"fd {FILE_CLASSES} unix_stream_socket unix_dgram_socket",
        ("use", "read", "write", "append", "ioctl"),
        "who opened it; what it is open on",
        Support.LIMITED,
        "who opened is kept by file; a pipe or socket counts as its sender's, where the sender hides it as its peer's. "
        "recvmmsg returns what is there and does not wait for more",
        "selinux_file_receive, scm_detach_fds",
        ("recvmsg", "recvmmsg"),
    ),
    Operation(
        "send and receive",
        "socket tcp_socket udp_socket unix_stream_socket unix_dgram_socket",
        ("read", "write"),
        "the own socket",
        Support.LIMITED,
        "asked about messages with a header or an address; plain reads, writes, send and recv on an open socket are "
        "not seen, as those of open files are not",
        "selinux_socket_sendmsg, selinux_socket_recvmsg",
        ("sendto", "sendmsg", "sendmmsg", "recvmsg", "recvmmsg"),
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
