from pathlib import Path

from tests.explain.policies import make_policy

from selbox.store.filelabels import FileLabels

LINES = """\
/srv(/.*)?        web_u:object_r:page_t:s0
/srv/log          -d  web_u:object_r:web_log_t:s0
/srv/none         <<none>>
/opt/.*           web_u:object_r:gone_t:s0
"""


def test_labels_are_those_of_path_and_class(tmp_path: Path) -> None:
    path = tmp_path / "file_contexts"
    path.write_text(LINES)
    labels = FileLabels(make_policy(), [str(path)])
    assert labels.label("/srv/log", "dir") == "web_u:object_r:web_log_t:s0"
    assert labels.label("/srv/log", "file") == "web_u:object_r:page_t:s0"
    assert labels.label("/srv/none", "file") is None
    assert labels.label("/etc/x", "file") is None


def test_contexts_that_the_policy_does_not_know_count_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file_contexts"
    path.write_text(LINES)
    labels = FileLabels(make_policy(), [str(path)])
    assert labels.label("/opt/x", "file") is None
    (fault,) = labels.faults
    assert (fault.code, "1 of the 4" in fault.message) == ("invalid-context", True)


def test_a_file_that_cannot_be_read_is_told_of_and_the_others_count(tmp_path: Path) -> None:
    path = tmp_path / "file_contexts"
    path.write_text(LINES.splitlines()[0] + "\n")
    labels = FileLabels(make_policy(), [str(tmp_path / "gone"), str(path)])
    assert labels.label("/srv/x", "file") == "web_u:object_r:page_t:s0"
    assert [each.code for each in labels.faults] == ["file-unreadable"]


def test_a_broken_pattern_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "file_contexts"
    path.write_text("/srv/a(b  web_u:object_r:page_t:s0\n")
    labels = FileLabels(make_policy(), [str(path)])
    for _ in range(2):
        assert labels.label("/srv/ab", "file") is None
    assert [each.code for each in labels.faults] == ["file-context-pattern"]
