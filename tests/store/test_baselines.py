import os
from pathlib import Path

import pytest
from tests.compiler.changing_policies import BASE

from selbox.binary.kernel import read_policy
from selbox.binary.origins import with_origins
from selbox.cli.progress import Progress
from selbox.compiler.options import DEFAULTS
from selbox.diagnostics import Diagnostics, SelboxError, SourceFile
from selbox.store import baselines, policyfiles
from selbox.store.baselines import BaselineStore
from selbox.store.builds import Order, build, rebuild
from selbox.store.inputs import File, unpacked

ORDER = Order(DEFAULTS, base=False, version=None, contexts=True)
LABELS = '(filecon "/a" any (u r a ((s0) (s0))))\n'
OWN = f"(allow a b (file (read)))\n{LABELS}(allow b c (file (read)))\n{LABELS}"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BaselineStore:
    monkeypatch.setattr(baselines, "LEAST", 0)
    return BaselineStore(str(tmp_path / "store"))


Built = tuple[bytes, bytes | None, list[object]]


def read(file: File, _: Diagnostics) -> str:
    return unpacked(file).source().text


def made(texts: dict[str, str], store: BaselineStore | None, order: Order = ORDER) -> Built:
    diagnostics = Diagnostics()
    files = [File(name, text.encode()) for name, text in texts.items()]
    found = rebuild(files, read, order, diagnostics, Progress(), store)
    if found is None:
        sources = [unpacked(file).source() for file in files]
        found = build(sources, order, diagnostics, Progress(), store, files)
    binary, contexts, _ = found
    warnings: list[object] = [
        (each.code, each.message, each.span, each.help, each.notes) for each in diagnostics.warnings
    ]
    return binary, contexts, warnings


def built(own: str, store: BaselineStore | None, order: Order = ORDER) -> Built:
    return made({"base.cil": BASE, "own.cil": own}, store, order)


@pytest.fixture
def not_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policyfiles, "resolve_sources", lambda *_, **__: pytest.fail("the whole was compiled again"))


def test_a_changed_rule_is_compiled_alone(store: BaselineStore, request: pytest.FixtureRequest) -> None:
    built(OWN, store)
    now = OWN.replace("(allow b c (file (read)))\n", "(allow b c (file (read)))\n\n(dontaudit b c (file (open)))\n")
    expected = built(now, None)
    assert [warning[2].line for warning in expected[2]] == [6]  # type: ignore[index]  # a span
    request.getfixturevalue("not_whole")
    assert built(now, store) == expected
    assert built(OWN, store) == built(OWN, store)


@pytest.mark.parametrize("kept", [OWN.replace("\n", "\r\n"), OWN.replace("/a", "/\xe4")])
def test_files_that_are_not_their_text_are_followed(
    kept: str, store: BaselineStore, request: pytest.FixtureRequest
) -> None:
    built(kept, store)
    now = kept.replace("(allow b c", "(allow c b")
    expected = built(now, None)
    request.getfixturevalue("not_whole")
    assert built(now, store) == expected


def test_what_was_kept_stays_after_changes(store: BaselineStore, request: pytest.FixtureRequest) -> None:
    whole = built(OWN, store)
    built(OWN.replace("a b (file (read))", "a b (file (open))"), store)
    request.getfixturevalue("not_whole")
    assert built(OWN, store) == whole


def test_errors_are_those_of_the_whole(store: BaselineStore) -> None:
    built(OWN, store)
    with pytest.raises(SelboxError, match="no type `nowhere` is declared here"):
        built(OWN + "(allow a nowhere (file (read)))", store)


@pytest.mark.parametrize(
    "order", [ORDER._replace(version=30), ORDER._replace(options=DEFAULTS._replace(mls=False))], ids=["version", "mls"]
)
def test_other_orders_are_compiled_whole(store: BaselineStore, order: Order) -> None:
    built(OWN, store)
    assert built(OWN, store, order) == built(OWN, None, order)


@pytest.mark.parametrize("damage", ["cut", "flipped", "longer", "empty"])
def test_a_damaged_entry_is_not_used(store: BaselineStore, damage: str, tmp_path: Path) -> None:
    whole = built(OWN, store)
    (entry,) = (tmp_path / "store").iterdir()
    content = entry.read_bytes()
    middle = len(content) // 3
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    entry.write_bytes({"cut": content[:-1], "flipped": flipped, "longer": content + b"x", "empty": b""}[damage])
    assert built(OWN, store) == whole


def test_an_entry_that_others_can_write_is_not_used(
    store: BaselineStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(OWN, store)
    (entry,) = (tmp_path / "store").iterdir()
    assert entry.stat().st_mode & 0o777 == 0o600
    entry.chmod(0o622)
    monkeypatch.setattr(policyfiles, "resolve_sources", lambda *_, **__: pytest.fail("the whole was compiled again"))
    with pytest.raises(pytest.fail.Exception):
        built(OWN, store)


def test_few_entries_are_kept(store: BaselineStore, tmp_path: Path) -> None:
    for version in range(24, 34):
        built(OWN, store, ORDER._replace(version=version))
    assert len(os.listdir(tmp_path / "store")) == 4


def test_small_policies_leave_nothing(tmp_path: Path) -> None:
    built(OWN, BaselineStore(str(tmp_path / "store")))
    assert not (tmp_path / "store").exists()


def test_places_of_rules_are_those_of_a_whole_compilation(store: BaselineStore) -> None:
    sources = [SourceFile("base.cil", BASE), SourceFile("own.cil", OWN)]
    order = ORDER._replace(origins=True)
    binary, contexts, warnings = built(OWN, store)
    whole = build(sources, order, Diagnostics(), Progress(), store)
    assert whole.binary == binary
    policy = with_origins(read_policy(binary, "p"), binary, whole.origins or b"", "p.origins")
    assert {place.file for place in policy.origins} == {"base.cil", "own.cil"}
    assert built(OWN, store) == (binary, contexts, warnings), "nothing of it is kept"


MODULES = {"base.cil": BASE, "one.cil": "(type x)\n(allow x x (file (read)))\n", "two.cil": LABELS}


@pytest.mark.parametrize(
    "names",
    [["base.cil", "one.cil"], ["base.cil", "two.cil"], ["base.cil", "new.cil", "one.cil", "two.cil"]],
    ids=["last gone", "first gone", "one come"],
)
def test_files_that_come_and_go_are_followed(
    store: BaselineStore, names: list[str], request: pytest.FixtureRequest
) -> None:
    made(MODULES, store)
    texts = MODULES | {"new.cil": "(type y)(allow y x (file (read)))(optional o (allow y z (file (open))))"}
    now = {name: texts[name] for name in names}
    expected = made(now, None)
    request.getfixturevalue("not_whole")
    assert made(now, store) == expected


def test_files_in_another_order_are_compiled_whole(store: BaselineStore) -> None:
    made(MODULES, store)
    turned = dict(reversed(MODULES.items()))
    assert made(turned, store) == made(turned, None)


def test_files_are_read_only_when_they_have_changed(store: BaselineStore) -> None:
    texts = {"base.cil": BASE, "own.cil": "(allow a b (file (read)))"}
    files = [File(name, f"packed {name}".encode()) for name in texts]
    seen: list[str] = []

    def translated(file: File, _: Diagnostics) -> str:
        seen.append(file.name)
        return texts[file.name]

    whole = build([SourceFile(*each) for each in texts.items()], ORDER, Diagnostics(), Progress(), store, files)
    assert rebuild(files, translated, ORDER, Diagnostics(), Progress(), store) == whole
    assert seen == []
    texts["own.cil"] = "(allow a c (file (read)))"
    files[1] = File("own.cil", b"packed otherwise")
    now = rebuild(files, translated, ORDER, Diagnostics(), Progress(), store)
    assert seen == ["own.cil"]
    assert now == build([SourceFile(*each) for each in texts.items()], ORDER, Diagnostics(), Progress())
