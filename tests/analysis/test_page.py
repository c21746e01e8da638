"""The example of the page on the toolbox runs as it stands."""

import re
from pathlib import Path

import pytest
from tests.analysis.everything import read

from selbox.binary.kernel import write_policy

PAGE = Path(__file__).parent.parent.parent / "docs" / "toolbox.md"


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "policy.33").write_bytes(write_policy(read(), 33))
    monkeypatch.chdir(tmp_path)
    example = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert example is not None
    names: dict[str, object] = {}
    exec(example[1], names)  # noqa: S102 - it is ours
    assert capsys.readouterr().out.splitlines() == [
        "httpd_tmp_t ('write', 'create', 'unlink', 'open') None ()",
        "tmp_t ('write',) can_shadow && third || can_tmp ()",
    ]
