import shutil
import subprocess
from pathlib import Path

import pytest

from selbox.binary.kernel import read_policy, write_policy
from selbox.compiler.sortedlabels import sorted_labels

POLICY = """
class file
class process
sid kernel
sid unlabeled
class file { read }
class process { fork }
type a_t;
role r;
role r types a_t;
allow a_t a_t:file read;
user u roles r;
sid kernel u:r:a_t
sid unlabeled u:r:a_t
fs_use_task pipefs u:r:a_t;
fs_use_xattr ext4 u:r:a_t;
fs_use_trans tmpfs u:r:a_t;
fs_use_xattr btrfs u:r:a_t;
portcon udp 80 u:r:a_t
portcon sctp 80 u:r:a_t
portcon tcp 80 u:r:a_t
portcon tcp 70-90 u:r:a_t
portcon tcp 1-65535 u:r:a_t
portcon dccp 22 u:r:a_t
netifcon lo u:r:a_t u:r:a_t
netifcon eth1 u:r:a_t u:r:a_t
netifcon br0 u:r:a_t u:r:a_t
nodecon 10.0.0.0 255.0.0.0 u:r:a_t
nodecon 127.0.0.1 255.255.255.255 u:r:a_t
nodecon 10.1.0.0 255.255.0.0 u:r:a_t
nodecon 10.0.0.0 255.255.0.0 u:r:a_t
nodecon fe80:: ffff:ffff:ffff:ffff:0:0:0:0 u:r:a_t
nodecon ::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff u:r:a_t
nodecon ff00:: ff00:: u:r:a_t
ibpkeycon fe80:: 5-9 u:r:a_t
ibpkeycon fe80:: 3 u:r:a_t
ibpkeycon fc00:: 7 u:r:a_t
ibendportcon mlx5_1 1 u:r:a_t
ibendportcon mlx5_0 2 u:r:a_t
ibendportcon mlx5_0 1 u:r:a_t
"""


@pytest.mark.oracle
@pytest.mark.skipif(shutil.which("checkpolicy") is None, reason="checkpolicy is not installed")
def test_labels_are_in_the_order_of_checkpolicy(tmp_path: Path) -> None:
    (tmp_path / "policy.conf").write_text(POLICY)
    for output, *options in (("plain",), ("sorted", "-S")):
        command = ["checkpolicy", *options, "-o", output, "policy.conf"]
        subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    plain, expected = (tmp_path / "plain").read_bytes(), (tmp_path / "sorted").read_bytes()
    assert plain != expected
    assert write_policy(sorted_labels(read_policy(plain, "plain"))) == expected
    assert write_policy(sorted_labels(read_policy(expected, "sorted"))) == expected
