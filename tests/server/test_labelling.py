from ipaddress import ip_address
from typing import Any

import pytest
from tests.server.policies import make_policy

from selbox.model.context import Context
from selbox.model.labelling import (
    FileKind,
    FilesystemUse,
    FilesystemUseBehaviour,
    GenericFilesystemContext,
    InterfaceContext,
    NodeContext,
    PortContext,
)
from selbox.server.labelling import (
    filesystem_use,
    generic_filesystem_context,
    interface_context,
    node_context,
    port_context,
)


def context(type_id: int) -> Context:
    return Context(0, 0, type_id)


def address(text: str) -> bytes:
    return ip_address(text).packed


@pytest.mark.parametrize(
    ("protocol", "port", "expected"),
    [
        ("tcp", 80, 1),
        ("tcp", 81, 2),
        ("tcp", 2000, 3),
        ("udp", 80, None),
        ("tcp", 1024, 2),
        ("tcp", 1025, 3),
        ("tcp", 22, 2),
    ],
)
def test_the_first_range_labels_a_port(protocol: str, port: int, expected: int | None) -> None:
    policy = make_policy(
        port_contexts=(
            PortContext("tcp", 80, 80, context(1)),
            PortContext("tcp", 1, 1024, context(2)),
            PortContext("tcp", 0, 65535, context(3)),
            PortContext("tcp", 22, 22, context(4)),
        )
    )
    found = port_context(policy, protocol, port)
    assert (found and found.type) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1", 1), ("127.9.9.9", 2), ("127.3.3.3", 2), ("10.0.0.1", None), ("::1", 4), ("fe80::1", 3)],
)
def test_the_first_entry_that_fits_labels_a_node(text: str, expected: int | None) -> None:
    policy = make_policy(
        node_contexts=(
            NodeContext(address("127.0.0.1"), address("255.255.255.255"), context(1)),
            NodeContext(address("127.0.0.0"), address("255.0.0.0"), context(2)),
            NodeContext(address("127.3.3.3"), address("255.255.255.255"), context(5)),
            NodeContext(address("::1"), address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), context(4)),
            NodeContext(address("::"), address("::"), context(3)),
        )
    )
    found = node_context(policy, address(text))
    assert (found and found.type) == expected


def test_an_interface_is_labelled_by_its_whole_name() -> None:
    loopback = InterfaceContext("lo", context(1), context(2))
    policy = make_policy(interface_contexts=(loopback,))
    assert interface_context(policy, "lo") == loopback
    assert interface_context(policy, "lo0") is None


def test_a_file_system_is_looked_up_by_name() -> None:
    tmpfs = FilesystemUse(FilesystemUseBehaviour.TRANSITION, "tmpfs", context(1))
    policy = make_policy(filesystem_uses=(tmpfs,))
    assert filesystem_use(policy, "tmpfs") == tmpfs
    assert filesystem_use(policy, "ext4") is None


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("proc", "/", FileKind.DIRECTORY), 0),
        (("proc", "/sys/kernel", FileKind.FILE), 1),
        (("proc", "//sys", FileKind.DIRECTORY), 1),
        (("proc", "/sysrq", FileKind.FILE), 1),
        (("proc", "/net/tcp", FileKind.FILE), 2),
        (("proc", "/net/tcp", FileKind.DIRECTORY), 0),
        (("sysfs", "/", FileKind.DIRECTORY), None),
    ],
)
def test_the_longest_prefix_of_the_right_kind_labels_a_path(arguments: Any, expected: int | None) -> None:
    policy = make_policy(
        genfs_contexts=(
            GenericFilesystemContext("proc", "/", context(0)),
            GenericFilesystemContext("proc", "/sys", context(1)),
            GenericFilesystemContext("proc", "/net", context(2), FileKind.FILE),
        )
    )
    found = generic_filesystem_context(policy, *arguments)
    assert (found and found.type) == expected


def test_paths_are_patterns_where_the_policy_says_so() -> None:
    policy = make_policy(
        policy_capabilities=frozenset({"genfs_seclabel_wildcard"}),
        genfs_contexts=(
            GenericFilesystemContext("proc", "/*", context(1)),
            GenericFilesystemContext("proc", "/net/?/x*", context(2)),
            GenericFilesystemContext("proc", "/exact", context(3)),
        ),
    )
    for path, expected in (("/a", 1), ("/net/1/xyz", 2), ("/net/12/x", 1), ("/exact", 3), ("/exact/not", 1)):
        found = generic_filesystem_context(policy, "proc", path, FileKind.FILE)
        assert found is not None
        assert found.type == expected


def test_interfaces_are_patterns_where_the_policy_says_so() -> None:
    interfaces = (
        InterfaceContext("eth0", context(1), context(1)),
        InterfaceContext("eth*", context(2), context(2)),
    )
    policy = make_policy(interface_contexts=interfaces, policy_capabilities=frozenset({"netif_wildcard"}))
    assert interface_context(policy, "eth0") == interfaces[0]
    assert interface_context(policy, "eth1") == interfaces[1]
    assert interface_context(policy, "lo") is None
    assert interface_context(make_policy(interface_contexts=interfaces), "eth1") is None
