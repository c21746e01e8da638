import os
import pickle
from pathlib import Path

import pytest

from selbox.binary.kernel import write_policy
from selbox.diagnostics import Diagnostics
from selbox.model.rules import KeyedRules
from selbox.store import policycache
from selbox.store.policycache import PolicyCache
from selbox.store.policyfiles import load_policy

OWN = "(type cat_t) (call domain_type (cat_t))\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "own.cil"
    path.write_text(OWN)
    return path


@pytest.fixture
def cache(tmp_path: Path) -> PolicyCache:
    return PolicyCache(str(tmp_path / "cache"))


def test_a_kept_policy_is_the_compiled_one(cache: PolicyCache, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = load_policy([str(source)], cache=cache)
    monkeypatch.setattr("selbox.store.policyfiles.compile_sources", lambda *_, **__: pytest.fail("compiled again"))
    kept = load_policy([str(source)], cache=cache)
    assert list(kept.rules) == list(compiled.rules)
    assert [part for part in kept if part is not kept.rules] == [
        part for part in compiled if part is not compiled.rules
    ]


def test_whatever_changes_is_compiled_anew(cache: PolicyCache, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_policy([str(source)], cache=cache)
    source.write_text(OWN.replace("cat_t", "dog_t"))
    assert "dog_t" in load_policy([str(source)], cache=cache).type_ids
    source.write_text(OWN)
    load_policy([str(source)], cache=cache)
    state = policycache._compiler_state()
    monkeypatch.setattr("selbox.store.policycache._compiler_state", lambda: (*state, ("new.py", 1, 1)))
    other = load_policy([])
    monkeypatch.setattr("selbox.store.policyfiles.compile_sources", lambda *_, **__: other)
    assert load_policy([str(source)], cache=cache) is other, "another compiler may make another policy"


@pytest.mark.parametrize("damage", [b"", b"garbage", pickle.dumps(("x", "y")), pickle.dumps(os.getpid)])
def test_a_damaged_entry_is_no_entry(cache: PolicyCache, source: Path, tmp_path: Path, damage: bytes) -> None:
    load_policy([str(source)], cache=cache)
    (entry,) = (tmp_path / "cache").iterdir()
    entry.write_bytes(damage)
    assert "cat_t" in load_policy([str(source)], cache=cache).type_ids


def test_an_entry_that_others_can_write_is_no_entry(cache: PolicyCache, source: Path, tmp_path: Path) -> None:
    load_policy([str(source)], cache=cache)
    (entry,) = (tmp_path / "cache").iterdir()
    entry.chmod(0o666)
    sources = cache.key((), base=True)
    assert sources is not None
    assert all(cache.get(sources) is None for _ in range(2))
    load_policy([str(source)], cache=cache)
    (entry,) = (tmp_path / "cache").iterdir()
    assert entry.stat().st_mode & 0o777 == 0o600


def test_an_entry_names_nothing_but_a_policys_parts(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (os.mkdir, (str(tmp_path / "owned"),))

    path = tmp_path / "entry"
    path.write_bytes(pickle.dumps(Evil()))
    with path.open("rb") as entry, pytest.raises(pickle.UnpicklingError, match="no part of a policy"):
        policycache._PolicyUnpickler(entry).load()
    assert not (tmp_path / "owned").exists()


def test_where_nothing_can_be_written_nothing_is_kept(source: Path) -> None:
    assert "cat_t" in load_policy([str(source)], cache=PolicyCache("/proc/nowhere")).type_ids


def test_old_entries_make_room(cache: PolicyCache, source: Path, tmp_path: Path) -> None:
    directory = tmp_path / "cache"
    directory.mkdir()
    for number in range(40):
        (directory / f"old{number}").write_bytes(b"")
    load_policy([str(source)], cache=cache)
    assert len(list(directory.iterdir())) == 32


def test_the_users_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    assert PolicyCache.of_user() is None
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert PolicyCache.of_user() is None


@pytest.fixture
def binary(tmp_path: Path, source: Path) -> Path:
    path = tmp_path / "policy.33"
    path.write_bytes(write_policy(load_policy([str(source)])))
    return path


def test_a_kernel_policy_is_kept_as_it_was_read_and_labelled(
    cache: PolicyCache, binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contexts = tmp_path / "file_contexts"
    contexts.write_text("/srv system_u:object_r:cat_t:s0\n")
    (tmp_path / "file_contexts.subs").write_text("/www /srv\n")
    read = load_policy([str(binary)], cache=cache, file_contexts=str(contexts))
    monkeypatch.setattr("selbox.store.policyfiles.kernel_policy", lambda *_: pytest.fail("read again"))
    kept = load_policy([str(binary)], cache=cache, file_contexts=str(contexts))
    assert write_policy(kept) == write_policy(read) == binary.read_bytes()
    assert kept.file_contexts == read.file_contexts != ()
    assert kept.path_substitutions == read.path_substitutions != ()
    assert kept.origins == read.origins
    assert list(kept.rules) == list(read.rules)
    assert isinstance(kept.rules, KeyedRules)
    assert isinstance(read.rules, KeyedRules)
    assert kept.rules.keyed == read.rules.keyed


def test_a_kernel_policy_is_read_anew_when_anything_has_changed(
    cache: PolicyCache, binary: Path, tmp_path: Path
) -> None:
    contexts = tmp_path / "file_contexts"
    contexts.write_text("/srv system_u:object_r:cat_t:s0\n")
    assert load_policy([str(binary)], cache=cache).file_contexts == ()
    labelled = load_policy([str(binary)], cache=cache, file_contexts=str(contexts))
    assert [each.pattern for each in labelled.file_contexts] == ["/srv"]
    (tmp_path / "file_contexts.local").write_text("/opt system_u:object_r:cat_t:s0\n")
    labelled = load_policy([str(binary)], cache=cache, file_contexts=str(contexts))
    assert [each.pattern for each in labelled.file_contexts] == ["/srv", "/opt"]
    source = tmp_path / "other.cil"
    source.write_text(OWN.replace("cat_t", "dog_t"))
    binary.write_bytes(write_policy(load_policy([str(source)])))
    assert "dog_t" in load_policy([str(binary)], cache=cache).type_ids


def test_a_kernel_policy_that_was_warned_about_is_read_each_time(cache: PolicyCache, binary: Path) -> None:
    binary.write_bytes(binary.read_bytes() + b"more")
    for _ in range(2):
        diagnostics = Diagnostics()
        load_policy([str(binary)], diagnostics=diagnostics, cache=cache)
        assert [each.code for each in diagnostics.warnings] == ["binary-trailing-bytes"]


def test_a_kernel_policy_with_places_in_the_source_is_not_kept(
    cache: PolicyCache, binary: Path, tmp_path: Path
) -> None:
    Path(f"{binary}.origins").write_bytes(b"no such file")
    load_policy([str(binary)], cache=cache)
    assert not (tmp_path / "cache").exists()
