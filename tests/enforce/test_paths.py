"""What is remembered of paths is used again only as long as all that was decided about is still the same."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from selbox.avc.cache import AccessVectorCache
from selbox.enforce.caller import Caller
from selbox.enforce.credentials import own_credentials
from selbox.enforce.descriptors import Descriptors
from selbox.enforce.labels import Labels
from selbox.enforce.linux import AT_FDCWD
from selbox.enforce.monitor import AccessEvent, ReferenceMonitor
from selbox.enforce.paths import Look, PathWalker
from selbox.enforce.privileges import Privileges
from selbox.enforce.tasks import TaskState, TaskTable
from selbox.model.policy import Policy
from selbox.server.securityserver import SecurityServer
from selbox.store.labels import LabelStore
from selbox.store.pathlabels import PathLabels
from selbox.store.policyfiles import load_policy

WANTED, OTHER = 1, 2
TEMPORARY = "system_u:object_r:tmp_t:s0"
HOME = "system_u:object_r:user_home_t:s0"


class Walked:
    """A walker, and a caller that may do everything, silently."""

    def __init__(self, directory: Path, policy: Policy) -> None:
        self.server = SecurityServer(policy, enforcing=True)
        self.events: list[AccessEvent] = []
        self.monitor = ReferenceMonitor(self.server, AccessVectorCache(self.server), self.events.append)
        path_labels = PathLabels({str(directory): TEMPORARY})
        self.labels = Labels(self.server, TaskTable(), LabelStore(), path_labels)
        self.descriptors = Descriptors()
        self.walker = PathWalker(self.descriptors, self.labels, self.monitor, Privileges(self.monitor))
        self.sid = self.server.initial_sid("kernel")
        self.caller = Caller(0, os.getpid(), TaskState(sid=self.sid, previous=self.sid), kind=0)
        self.file = directory / "file"
        self.file.write_text("content")
        self.path = bytes(self.file)

    def look(self, *, wanted: int = WANTED, follow: bool = True, caller: Caller | None = None) -> Look | None:
        return self.walker.look(caller or self.caller, AT_FDCWD, self.path, wanted, follow=follow)

    def is_granted(self, *, wanted: int = WANTED, follow: bool = True) -> bool:
        look = self.look(wanted=wanted, follow=follow)
        return look is not None and look.is_granted

    def is_recalled(self, path: bytes | None = None, *, directory: int = AT_FDCWD, kind: int = 0) -> bool:
        """Tell whether a path is known to lead to the file, on which all was granted."""
        found = self.walker.known.recall(os.getpid(), kind, directory, path or self.path, WANTED, follow=True)
        if found is None:
            return False
        assert os.path.samefile(found[0], self.file)
        return True

    def grant(self, *, follow: bool = True) -> None:
        located = self.walker.locate(self.caller, AT_FDCWD, self.path, follow=follow, parent=False)
        self.labels.sid_of(located.object, located.found, self.caller)
        look = self.look(follow=follow)
        assert look is not None
        assert not look.is_granted
        self.walker.known.remember(self.caller.kind, look.place, WANTED)


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy([])


@pytest.fixture
def walked(tmp_path: Path, policy: Policy) -> Iterator[Walked]:
    walked = Walked(tmp_path, policy)
    yield walked
    walked.descriptors.close_all()
    walked.walker.close()


def test_what_was_granted_is_granted_again_to_its_kind_of_caller_only(walked: Walked) -> None:
    assert walked.look() is None, "nobody has walked there"
    walked.grant()
    assert walked.is_granted()
    assert not walked.is_granted(wanted=OTHER)
    assert not walked.is_granted(follow=False), "whether a link is followed makes another path of it"
    look = walked.look(caller=walked.caller._replace(kind=1))
    assert look is not None
    assert not look.is_granted
    assert walked.look(caller=walked.caller._replace(kind=-1)) is None


def test_what_was_granted_is_recalled_as_long_as_it_is_the_same(walked: Walked) -> None:
    assert not walked.is_recalled()
    walked.grant()
    assert walked.is_recalled()
    assert not walked.is_recalled(kind=1)
    walked.file.chmod(0o640)
    assert not walked.is_recalled()
    walked.file.chmod(0o644)
    assert walked.is_recalled() is (walked.file.stat().st_mode & 0o777 == 0o644)
    walked.labels.assign(walked.file.stat(), walked.server.context_to_sid(HOME))
    assert not walked.is_recalled()


def test_a_policy_that_changed_recalls_nothing(walked: Walked) -> None:
    walked.grant()
    walked.monitor.invalidate()
    assert not walked.is_recalled()


def test_another_file_of_the_name_is_not_recalled(walked: Walked) -> None:
    walked.grant()
    other = walked.file.with_name("other")
    other.touch()
    other.rename(walked.file)
    assert not walked.is_recalled()


def test_a_relative_path_is_recalled_from_its_own_directory_only(walked: Walked) -> None:
    below = walked.file.with_name("below")
    below.mkdir()
    (below / "file").hardlink_to(walked.file)
    here = os.open(walked.file.parent, os.O_RDONLY)
    there = os.open(below, os.O_RDONLY)
    walked.walker.locate(walked.caller, here, b"file", parent=False)
    look = walked.walker.look(walked.caller, here, b"file", WANTED, follow=True)
    assert look is not None
    assert walked.labels.sid_of(os.open(walked.file, os.O_RDONLY), look.status, walked.caller)
    walked.walker.known.remember(walked.caller.kind, look.place, WANTED)
    assert walked.is_recalled(b"file", directory=here)
    assert not walked.is_recalled(b"file", directory=there), "nobody has been granted the way by there"
    assert not walked.is_recalled(b"file", directory=there + 1000)
    os.dup2(there, here)
    assert not walked.is_recalled(b"file", directory=here)
    os.close(here)
    os.close(there)


def test_what_is_not_there_is_told_to_who_may_go_there(walked: Walked) -> None:
    absent = walked.path + b"s"
    assert not walked.walker.known.is_absent(0, absent), "nobody has walked there"
    walked.grant()
    assert walked.walker.known.is_absent(0, absent)
    assert not walked.walker.known.is_absent(1, absent)
    assert not walked.walker.known.is_absent(0, walked.path)
    assert walked.walker.known.is_absent(0, absent + b"/")
    assert walked.walker.known.is_absent(0, absent + b"/.././x")
    assert walked.walker.known.is_absent(0, absent + b"/below/x")
    assert not walked.walker.known.is_absent(0, walked.path + b"/x"), "it is there, though no directory"
    assert not walked.walker.known.is_absent(0, b"files")
    assert not walked.walker.known.is_absent(0, b"")
    walked.file.with_name("files").symlink_to("nowhere")
    assert not walked.walker.known.is_absent(0, absent), "a link may lead elsewhere"


def test_a_path_may_say_that_it_is_a_directorys(walked: Walked) -> None:
    below = walked.file.with_name("below")
    below.mkdir()
    walked.grant()
    for ending in (b"/", b"//"):
        for follow in (True, False):
            path = bytes(below) + ending
            look = walked.walker.look(walked.caller, AT_FDCWD, path, WANTED, follow=follow)
            assert look is not None
            assert os.path.samestat(look.status, below.stat())
            assert walked.walker.path_of(look, path) == str(below)
            assert walked.walker.look(walked.caller, AT_FDCWD, walked.path + ending, WANTED, follow=follow) is None
    assert walked.labels.known(below.stat()) == walked.server.context_to_sid(TEMPORARY)
    for ending in (b"/.", b"//./"):  # the directory itself is searched for that
        assert walked.walker.look(walked.caller, AT_FDCWD, bytes(below) + ending, WANTED) is None
    below.rmdir()
    below.symlink_to(walked.file.parent)
    assert walked.walker.look(walked.caller, AT_FDCWD, bytes(below) + b"/", WANTED) is None


def test_what_is_not_there_is_looked_for_anew_when_its_directory_is_another(walked: Walked) -> None:
    below = walked.file.with_name("below")
    below.mkdir()
    walked.file.rename(below / "file")
    walked.path = bytes(below / "file")
    walked.grant()
    below.rename(below.with_name("away"))
    assert not walked.walker.known.is_absent(0, walked.path)
    below.mkdir()
    assert not walked.walker.known.is_absent(0, walked.path)


def test_the_label_is_known_by_the_path_from_the_first_look(walked: Walked) -> None:
    walked.grant()
    other = walked.file.with_name("other")
    other.touch()
    walked.path = bytes(other)
    assert walked.look() is not None
    assert walked.labels.seen(other.stat()) == (walked.server.context_to_sid(TEMPORARY), "file")


def test_a_change_of_policy_takes_it_back(walked: Walked) -> None:
    walked.grant()
    walked.monitor.invalidate()
    assert not walked.is_granted()


def test_another_mode_takes_it_back(walked: Walked) -> None:
    walked.grant()
    walked.file.chmod(0o600 if walked.file.stat().st_mode & 0o77 else 0o644)
    assert not walked.is_granted()


def test_another_label_takes_it_back(walked: Walked) -> None:
    walked.grant()
    walked.labels.assign(walked.file.stat(), walked.server.context_to_sid(HOME))
    assert not walked.is_granted()


def test_a_file_that_may_have_the_number_of_a_removed_one_is_another(walked: Walked) -> None:
    walked.grant()
    walked.labels.removed(walked.file.stat(), str(walked.file))
    assert not walked.is_granted()


def test_another_file_of_the_name_is_looked_at_anew(walked: Walked) -> None:
    walked.grant()
    other = walked.file.with_name("other")
    other.write_text("another")
    other.rename(walked.file)
    look = walked.look()
    assert look is not None
    assert not look.is_granted
    assert look.status.st_size == len("another")


def test_a_link_that_took_the_place_of_a_file_is_walked(walked: Walked) -> None:
    walked.grant()
    other = walked.file.with_name("other")
    other.write_text("another")
    walked.file.unlink()
    walked.file.symlink_to(other)
    assert walked.look() is None
    located = walked.walker.locate(walked.caller, AT_FDCWD, walked.path, parent=False)
    assert located.found.st_ino == other.stat().st_ino


def test_a_link_is_remembered_by_what_it_leads_to(walked: Walked) -> None:
    other = walked.file.with_name("other")
    walked.file.rename(other)
    walked.file.symlink_to(other)
    walked.grant()
    assert walked.is_granted()
    third = walked.file.with_name("third")
    third.write_text("third")
    walked.file.unlink()
    walked.file.symlink_to(third)
    assert walked.look() is None


def test_a_directory_that_took_the_place_of_another_is_walked(walked: Walked) -> None:
    below = walked.file.with_name("below")
    below.mkdir()
    walked.file.rename(below / "file")
    walked.path = bytes(below / "file")
    walked.grant()
    below.rename(below.with_name("away"))
    below.mkdir()
    (below / "file").write_text("another")
    assert walked.look() is None


def test_what_is_gone_is_not_there(walked: Walked) -> None:
    walked.grant()
    walked.file.unlink()
    with pytest.raises(FileNotFoundError):
        walked.look()


def test_what_the_box_moves_is_forgotten(walked: Walked) -> None:
    walked.grant()
    walked.walker.known.forget()
    assert walked.look() is None


def test_who_has_other_credentials_walks_for_itself(walked: Walked) -> None:
    walked.grant()
    credentials = own_credentials()._replace(user=12345, capabilities=0)
    state = walked.caller.state._replace(credentials_changed=True, credentials=credentials)
    other = Caller(0, os.getpid(), state, kind=1, credentials=credentials)
    assert walked.look(caller=other) is None, "it may need a capability where the first one needed none"
    walked.walker.locate(other, AT_FDCWD, walked.path, parent=False)
    look = walked.look(caller=other)
    assert look is not None
    assert not look.is_granted


def test_a_file_without_a_name_that_was_too_much_to_remember_is_unlabeled(
    walked: Walked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the path that it had once it would have its directory's label, and whoever has it open could open it anew."""
    monkeypatch.setattr("selbox.enforce.labels._UNLINKED_KEPT", 4)
    secret = walked.server.context_to_sid(HOME)
    opened = []
    for number in range(8):
        path = walked.file.with_name(str(number))
        path.touch()
        opened.append(os.open(path, os.O_PATH))
        before = os.fstat(opened[-1])
        walked.labels.assign(before, secret)
        path.unlink()
        walked.labels.removed(before, str(path))
    found = [walked.labels.sid_of(each, os.fstat(each), walked.caller) for each in opened]
    for each in opened:
        os.close(each)
    assert (found[0], found[-1]) == (walked.server.initial_sid("unlabeled"), secret)
