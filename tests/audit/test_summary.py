from hypothesis import given
from hypothesis import strategies as st

from selbox.audit.avcrecord import AvcRecord
from selbox.audit.fields import Stamp
from selbox.audit.summary import Reason, ReasonKind, Summary, context_type, missing_rule, summarize, summary_lines

CAT = AvcRecord(
    stamp=Stamp(0, 0, 1),
    granted=False,
    permissions=("read", "open"),
    pid=1,
    comm="cat",
    fields=(("path", "/bowl/dog_chow"),),
    scontext="pets_u:pet_r:cat_t:s0",
    tcontext="pets_u:object_r:dog_chow_t:s0:c1",
    tclass="file",
)
RULE = Reason(ReasonKind.NO_RULE, "(allow cat_t dog_chow_t (file (read open)))")


def test_equal_accesses_are_counted_together_and_the_frequent_come_first() -> None:
    again = CAT._replace(stamp=Stamp(9, 9, 9), pid=7, fields=(("path", "/other"),), permissions=("open", "read"))
    dog = CAT._replace(comm="dog")
    summary = summarize([(dog, None), (CAT, RULE), (again, RULE)])
    assert [(row.times, row.comm, row.object_name, row.reason) for row in summary.rows] == [
        (2, "cat", "/bowl/dog_chow", RULE),
        (1, "dog", "/bowl/dog_chow", None),
    ]
    assert (summary.denied, summary.granted) == (3, 0)


def test_what_differs_is_counted_apart() -> None:
    constraint = Reason(ReasonKind.CONSTRAINT, "mlsconstrain at base.cil:3:1")
    variants = [
        (CAT, RULE),
        (CAT, constraint),
        (CAT._replace(permissive=True), RULE),
        (CAT._replace(granted=True), RULE),
        (CAT._replace(tclass="dir"), RULE),
        (CAT._replace(permissions=("read",)), RULE),
        (CAT._replace(tcontext="pets_u:object_r:cat_chow_t:s0"), RULE),
        (CAT._replace(scontext="pets_u:pet_r:dog_t:s0"), RULE),
    ]
    summary = summarize(variants)
    assert len(summary.rows) == len(variants)
    assert (summary.denied, summary.granted) == (7, 1)


def test_the_first_object_with_a_name_is_the_example() -> None:
    (row,) = summarize([(CAT._replace(fields=()), None), (CAT._replace(fields=(("name", "bowl"),)), None)]).rows
    assert row.object_name == "bowl"


@given(st.lists(st.sampled_from([CAT, CAT._replace(comm="dog"), CAT._replace(granted=True)])))
def test_every_record_is_counted_once(records: list[AvcRecord]) -> None:
    summary = summarize((record, None) for record in records)
    assert sum(row.times for row in summary.rows) == summary.denied + summary.granted == len(records)
    counts = [row.times for row in summary.rows]
    assert counts == sorted(counts, reverse=True)


def test_missing_rule_is_the_rule_in_cil() -> None:
    assert missing_rule(CAT) == RULE
    itself = CAT._replace(tcontext="pets_u:pet_r:cat_t:s0", tclass="process", permissions=("fork",))
    assert missing_rule(itself).text == "(allow cat_t self (process (fork)))"


def test_lines() -> None:
    granted = CAT._replace(granted=True, permissions=("read",), comm="a\x1b[1m", fields=())
    records = [(CAT, RULE)] * 10 + [(granted, Reason(ReasonKind.AUDITED)), (CAT._replace(permissive=True), None)]
    assert summary_lines(summarize(records)) == [
        "10 x denied { read open } cat (cat_t) -> file /bowl/dog_chow (dog_chow_t)",
        "     no rule: (allow cat_t dog_chow_t (file (read open)))",
        " 1 x granted { read } a\\x1b[1m (cat_t) -> file (dog_chow_t)",
        "     auditallow",
        " 1 x would be denied { read open } cat (cat_t) -> file /bowl/dog_chow (dog_chow_t)",
    ]
    assert summary_lines(Summary(())) == []


def test_context_type() -> None:
    assert context_type("u:r:t") == "t"
    assert context_type("u:r:t:s0:c1") == "t"
    assert context_type("kernel") == "kernel"
