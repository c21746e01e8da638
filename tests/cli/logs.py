"""A policy and logs for the verbs that read logs."""

from pathlib import Path

import pytest
from tests.analysis.denialpolicy import SOURCE, record

from selbox.cli.main import main

LOG = "".join(
    f"{line}\n"
    for line in (
        "type=SYSCALL msg=audit(1700000001.123:1): arch=c000003e",
        record("home_t", "read"),
        record("web_log_t", "write", number=2),
        record("web_log_t", "ioctl", about="ioctlcmd=0x5401", number=3),
        record("web_content_t", "read", level="s0:c1", number=4),
        "type=SELINUX_ERR msg=audit(1.0:2): op=security_compute_sid invalid_context=web_u:web_r:x_t:s0 scontext=a:b:c",
        record("gone_t", "read", number=5),
        "avc:  denied  { read",
        record("web_content_t", "read", number=6),
    )
)


class Verbs:
    """Runs verbs under the policy."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.directory = directory
        self.policy = directory / "p.cil"
        self.policy.write_text(SOURCE)
        self.log = directory / "audit.log"
        self.log.write_text(LOG)
        self._capsys = capsys

    def run(self, *words: str, status: int = 0) -> tuple[str, str]:
        """Run a verb on the log, and return what it writes."""
        command = [words[0], "-p", str(self.policy), "-i", str(self.log), *words[1:]]
        assert main(command) == status
        found = self._capsys.readouterr()
        return found.out, found.err
