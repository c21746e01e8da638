"""Rules written out for types, beside the plain loop over all rules and types."""

from collections import defaultdict
from itertools import product

import pytest
from tests.analysis.flowpolicies import flow_policy
from tests.compiler.policies import compile_texts

from selbox.analysis.catalogue import Catalogue
from selbox.analysis.differences import accessarrays
from selbox.analysis.differences.accessarrays import AccessComparison, AccessRules
from selbox.analysis.differences.numbering import Numbering
from selbox.model.bitset import members
from selbox.model.rules import RuleKind

Place = tuple[int, int, int, int]
"""Branch, class, source and target."""

Said = dict[Place, int]


def random_catalogue(seed: int) -> Catalogue:
    return Catalogue.of(compile_texts(flow_policy(seed)))


def said(numbering: Numbering, side: int, catalogue: Catalogue) -> Said:
    """Return what the allow rules of a policy say, in a branch beyond what always holds."""
    found: Said = defaultdict(int)
    rules = catalogue.rules
    for kind, source, target, object_class, data, condition in zip(*rules[:6], strict=True):
        if kind == RuleKind.ALLOW:
            subject = numbering.branches_of[side][condition], numbering.classes_of[side][object_class]
            sets = (numbering.sets[numbering.sets_of[side][each]] for each in (source, target))
            for pair in product(*map(members, sets)):
                found[*subject, *pair] |= data
    always = {place[1:]: vector for place, vector in found.items() if not place[0]}
    return {place: vector & ~always.get(place[1:], 0) if place[0] else vector for place, vector in found.items()}


def by_place(rules: AccessRules) -> dict[Place, tuple[int, int]]:
    columns = (each.tolist() for each in rules)
    rows = list(zip(*columns, strict=True))
    assert len({row[:4] for row in rows}) == len(rows)
    return {row[:4]: row[4:] for row in rows}


@pytest.mark.parametrize("at_once", [1, 1 << 19])
@pytest.mark.parametrize("seed", range(6))
def test_what_rules_say_is_what_a_loop_over_all_finds(seed: int, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accessarrays, "_CELLS_AT_ONCE", at_once)
    catalogues = random_catalogue(seed), random_catalogue(seed + 1)
    numbering = Numbering(*catalogues)
    left, right = (said(numbering, side, each) for side, each in enumerate(catalogues))
    expected = {each: (left.get(each, 0), right.get(each, 0)) for each in left.keys() | right.keys()}
    comparison = AccessComparison(numbering, *catalogues)

    differing = {place: vectors for place, vectors in expected.items() if vectors[0] != vectors[1]}
    assert by_place(comparison.differences(RuleKind.ALLOW)) == differing

    whole: dict[Place, tuple[int, int]] = {}
    for each in comparison.said(RuleKind.ALLOW, whole=True):
        found = by_place(each)
        assert not found.keys() & whole.keys()
        whole |= found
    assert whole == expected


def test_the_same_policy_has_no_differences() -> None:
    catalogue = random_catalogue(1)
    comparison = AccessComparison(Numbering(catalogue, catalogue), catalogue, catalogue)
    assert by_place(comparison.differences(RuleKind.ALLOW)) == {}
    assert by_place(comparison.differences(RuleKind.AUDITALLOW)) == {}
