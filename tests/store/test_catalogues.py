"""What is kept of policies."""

import os
from pathlib import Path

import pytest

from selbox.store import catalogues
from selbox.store.catalogues import KeptCatalogues


@pytest.fixture
def kept(tmp_path: Path) -> KeptCatalogues:
    return KeptCatalogues(str(tmp_path / "kept"))


def test_what_is_kept_is_there_for_the_same_policy_alone(kept: KeptCatalogues) -> None:
    kept.put(b"policy", b"catalogue")
    found = kept.get(b"policy")
    assert found is not None
    assert bytes(found) == b"catalogue"
    assert kept.get(b"polizy") is None


def test_another_policy_of_the_same_checksum_is_not_taken_for_it(
    kept: KeptCatalogues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogues, "_name", lambda _: "same")
    kept.put(b"policy", b"catalogue")
    assert kept.get(b"polizy") is None
    assert kept.get(b"policycatalogue") is None


def test_what_another_version_has_kept_is_not_used(kept: KeptCatalogues, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.put(b"policy", b"catalogue")
    monkeypatch.setattr(catalogues, "files_state", lambda _: (("catalogue.py", 1, 1),))
    assert kept.get(b"policy") is None


def test_what_somebody_else_can_write_is_not_used(kept: KeptCatalogues, tmp_path: Path) -> None:
    kept.put(b"policy", b"catalogue")
    (entry,) = (tmp_path / "kept").iterdir()
    os.chmod(entry, 0o666)
    assert kept.get(b"policy") is None


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = KeptCatalogues(str(tmp_path / "file" / "kept"))
    kept.put(b"policy", b"catalogue")
    assert kept.get(b"policy") is None


def test_a_few_are_kept(kept: KeptCatalogues, tmp_path: Path) -> None:
    for number in range(KeptCatalogues.most + 3):
        kept.put(b"%d" % number, b"catalogue")
    assert len(list((tmp_path / "kept").iterdir())) == KeptCatalogues.most
