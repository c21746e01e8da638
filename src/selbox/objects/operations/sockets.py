"""Sockets."""

from selbox.objects.operations.operation import FILE_CLASSES, Operation, Support
from selbox.typing import Final

ROWS: Final = (
    Operation(
        "make a socket",
        "socket tcp_socket udp_socket rawip_socket icmp_socket sctp_socket dccp_socket unix_stream_socket "
        "unix_dgram_socket packet_socket netlink_socket netlink_route_socket vsock_socket alg_socket capability",
        ("create", "net_raw"),
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
        "tcp_socket udp_socket rawip_socket icmp_socket sctp_socket dccp_socket capability",
        ("bind", "name_bind", "node_bind", "net_bind_service"),
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
        "process listen. Where policy lets every domain that the box's programs may enter accept by all sockets that "
        "it may make, and by no others, accepting is not asked about; then no domain is handed another one's listening "
        "socket, and a socket that another one was handed does not come to listen",
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
        "addresses and options of a socket, shutdown",
        "socket tcp_socket udp_socket unix_stream_socket unix_dgram_socket netlink_route_socket",
        ("getattr", "getopt", "setopt", "shutdown"),
        "the socket",
        Support.LIMITED,
        "decided by descriptor number, as listen is; not asked under policies that grant it along with every socket. "
        "SO_ZEROCOPY, and SCTP's options for several addresses, are refused. SO_SNDBUFFORCE, SO_RCVBUFFORCE and "
        "SO_MARK take net_admin, the last or net_raw; others that take a capability follow ordinary permissions alone",
        "selinux_socket_getsockname, selinux_socket_getsockopt, selinux_socket_setsockopt, selinux_socket_shutdown",
        ("getsockname", "getpeername", "getsockopt", "setsockopt", "shutdown"),
    ),
    Operation(
        "who is the peer of a socket",
        "unix_stream_socket tcp_socket sctp_socket",
        ("getopt",),
        "the peer's",
        Support.LIMITED,
        "of unix sockets; needs the kernel's unix_diag, without which the supervisor's pid shows. Internet sockets "
        "have no peer's label without labelled networking",
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
        "netlink messages to the kernel",
        "netlink_route_socket netlink_tcpdiag_socket netlink_xfrm_socket netlink_audit_socket",
        ("nlmsg_read", "nlmsg_write", "nlmsg_readpriv", "nlmsg_relay", "nlmsg_tty_audit"),
        "the socket",
        Support.LIMITED,
        "asked when they are sent with a header or an address, as programs do; write and send are not seen",
        "selinux_netlink_send, selinux_nlmsg_lookup",
        ("sendto", "sendmsg", "sendmmsg"),
    ),
    Operation(
        "hear from SELinux, and have the audit system log",
        "netlink_selinux_socket netlink_audit_socket capability",
        ("create", "bind", "read", "write", "nlmsg_relay", "audit_write", "audit_control"),
        "the socket; the process itself",
        Support.LIMITED,
        "the box itself is at the other end: it tells of its mode and policy, and logs to its own audit log. What is "
        "audited is not for a box to change",
        "selnl_notify, audit_receive_msg, audit_netlink_ok",
        ("socket", "bind", "sendto", "sendmsg", "recvfrom", "recvmsg"),
    ),
    Operation(
        "receive open files (SCM_RIGHTS)",
        f"fd {FILE_CLASSES} unix_stream_socket unix_dgram_socket",
        ("use", "read", "write", "append", "ioctl"),
        "who opened it; what it is open on",
        Support.LIMITED,
        "who opened is kept by file; a socket counts as its sender's, and as nobody's (unlabeled) where the sender "
        "hides it. recvmmsg returns what is there and does not wait for more",
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
