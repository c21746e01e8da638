"""SIDs of what the policy labels by name or address, and what applies where it says nothing."""

from ipaddress import ip_address

import pytest
from tests.server.policies import CAT, DOG, DOG_CHOW, make_policy

from selbox.diagnostics import SelboxError
from selbox.model.context import Context
from selbox.model.labelling import (
    FileKind,
    FilesystemUse,
    FilesystemUseBehaviour,
    GenericFilesystemContext,
    InfinibandKeyContext,
    InfinibandPortContext,
    InitialSid,
    InterfaceContext,
    NodeContext,
    PortContext,
)
from selbox.server.contextserver import FilesystemLabel
from selbox.server.securityserver import SecurityServer

DOG_SID, CAT_SID, CHOW_SID, UNLABELED = "dog_t", "cat_t", "dog_chow_t", "kernel_t"


def context(type_id: int) -> Context:
    return Context(0, 0, type_id)


@pytest.fixture
def server() -> SecurityServer:
    dog, cat, chow = context(DOG), context(CAT), context(DOG_CHOW)
    return SecurityServer(
        make_policy(
            initial_sids=(InitialSid("port", chow), InitialSid("netif", chow), InitialSid("unlabeled", context(0))),
            port_contexts=(PortContext("tcp", 80, 90, dog),),
            node_contexts=(NodeContext(ip_address("10.0.0.0").packed, ip_address("255.0.0.0").packed, dog),),
            interface_contexts=(InterfaceContext("lo", dog, cat),),
            infiniband_keys=(InfinibandKeyContext(bytes(8), 1, 9, dog),),
            infiniband_ports=(InfinibandPortContext("mlx4_0", 2, cat),),
            filesystem_uses=(FilesystemUse(FilesystemUseBehaviour.XATTR, "ext4", dog),),
            genfs_contexts=(
                GenericFilesystemContext("proc", "/", cat),
                GenericFilesystemContext("proc", "/net", dog, FileKind.FILE),
            ),
        )
    )


def type_of(server: SecurityServer, sid: int) -> str:
    return server.sid_to_context(sid).split(":")[2]


def test_ports(server: SecurityServer) -> None:
    assert type_of(server, server.port_sid("tcp", 80)) == DOG_SID
    # the initial SID `port`
    assert type_of(server, server.port_sid("udp", 80)) == CHOW_SID


def test_nodes(server: SecurityServer) -> None:
    assert type_of(server, server.node_sid(ip_address("10.1.2.3").packed)) == DOG_SID
    # the policy has no initial SID `node`
    assert type_of(server, server.node_sid(ip_address("11.1.2.3").packed)) == UNLABELED
    assert type_of(server, server.node_sid(ip_address("::1").packed)) == UNLABELED


def test_interfaces(server: SecurityServer) -> None:
    assert [type_of(server, each) for each in server.interface_sids("lo")] == [DOG_SID, CAT_SID]
    assert [type_of(server, each) for each in server.interface_sids("eth0")] == [CHOW_SID, UNLABELED]


def test_infiniband(server: SecurityServer) -> None:
    assert type_of(server, server.infiniband_key_sid(bytes(8), 9)) == DOG_SID
    assert type_of(server, server.infiniband_key_sid(bytes(8), 10)) == UNLABELED
    assert type_of(server, server.infiniband_key_sid(b"12345678", 9)) == UNLABELED
    assert type_of(server, server.infiniband_port_sid("mlx4_0", 2)) == CAT_SID
    assert type_of(server, server.infiniband_port_sid("mlx4_0", 1)) == UNLABELED
    assert type_of(server, server.infiniband_port_sid("mlx4_1", 2)) == UNLABELED


def test_file_systems(server: SecurityServer) -> None:
    dog, cat = (server.context_to_sid(f"system_u:object_r:{name}:s0") for name in (DOG_SID, CAT_SID))
    assert server.filesystem_sid("ext4") == FilesystemLabel("xattr", dog)
    assert server.filesystem_sid("proc") == FilesystemLabel("genfs", cat)
    assert server.filesystem_sid("vfat") == FilesystemLabel("none", server.initial_sid("unlabeled"))


def test_paths_in_file_systems(server: SecurityServer) -> None:
    assert type_of(server, server.generic_filesystem_sid("proc", "/net/tcp", FileKind.FILE)) == DOG_SID
    assert type_of(server, server.generic_filesystem_sid("proc", "/net", FileKind.DIRECTORY)) == CAT_SID
    assert type_of(server, server.generic_filesystem_sid("sysfs", "/net", FileKind.FILE)) == UNLABELED


def test_a_policy_without_unlabeled_has_no_answer() -> None:
    server = SecurityServer(make_policy(initial_sids=(InitialSid("kernel", context(0)),)))
    with pytest.raises(SelboxError) as caught:
        server.port_sid("tcp", 80)
    assert caught.value.diagnostics[0].code == "missing-initial-sid"


def test_a_stored_context_takes_a_missing_range_from_the_default() -> None:
    server = SecurityServer(make_policy())
    default = server.context_to_sid("pet_u:animal_r:cat_t:s0-s0:c1")
    stored = server.context_to_sid_default("system_u:object_r:dog_t", default)
    assert server.sid_to_context(stored) == "system_u:object_r:dog_t:s0-s0:c1"
    assert server.context_to_sid_default("system_u:object_r:dog_t:s1", default) == server.context_to_sid(
        "system_u:object_r:dog_t:s1"
    )
    unknown = server.context_to_sid_default("system_u:object_r:wolf_t", default)
    assert server.sid_to_context_force(unknown) == "system_u:object_r:wolf_t"
    plain = SecurityServer(make_policy(mls=False))
    assert plain.context_to_sid_default("system_u:object_r:dog_t:s0", 1) == plain.context_to_sid(
        "system_u:object_r:dog_t"
    )


def test_a_range_is_copied_from_another_context() -> None:
    server = SecurityServer(make_policy())
    listening = server.context_to_sid("pet_u:animal_r:dog_t:s0")
    near, far = (server.context_to_sid(f"system_u:animal_r:cat_t:{each}") for each in ("s0-s0:c1", "s1"))
    assert server.sid_to_context(server.copy_range(listening, near)) == "pet_u:animal_r:dog_t:s0-s0:c1"
    assert server.copy_range(listening, listening) == listening
    # the clearance of pet_u ends at s0
    with pytest.raises(SelboxError, match="clearance"):
        server.copy_range(listening, far)
    server.enforcing = False
    assert server.sid_to_context(server.copy_range(listening, far)) == "pet_u:animal_r:dog_t:s1"


def test_what_is_forgotten_is_worked_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selbox.server.sidtable._REMEMBERED", 3)
    server = SecurityServer(make_policy())
    texts = [f"system_u:object_r:{name}_t:s0:c{number}" for name in ("dog", "cat") for number in range(8)]
    sids = [server.context_to_sid(text) for text in texts]
    assert len(set(sids)) == len(texts)
    for _ in range(2):
        assert [server.context_to_sid(text) for text in texts] == sids
        assert [server.sid_to_context(sid) for sid in sids] == texts
