from hypothesis import given
from hypothesis import strategies as st

from selbox.audit.avcrecord import AvcRecord
from selbox.audit.fields import Stamp
from selbox.audit.summary import SummaryRow, Tally, printable

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
RULE = ("no rule (allow cat_t dog_chow_t (file (read open)))",)


def tallied(records: list[AvcRecord]) -> tuple[SummaryRow, ...]:
    tally = Tally()
    for record in records:
        tally.add(record, RULE)
    return tally.rows()


def test_equal_denials_are_counted_together_and_the_frequent_come_first() -> None:
    again = CAT._replace(stamp=Stamp(9, 9, 9), pid=7, fields=(("path", "/other"),), permissions=("open", "read"))
    dog = CAT._replace(comm="dog")
    assert [(row.times, row.comm, row.object_name, row.reasons) for row in tallied([dog, CAT, again])] == [
        (2, "cat", "/bowl/dog_chow", RULE),
        (1, "dog", "/bowl/dog_chow", RULE),
    ]


def test_what_differs_is_counted_apart() -> None:
    variants = [
        CAT,
        CAT._replace(permissive=True),
        CAT._replace(tclass="dir"),
        CAT._replace(permissions=("read",)),
        CAT._replace(tcontext="pets_u:object_r:dog_chow_t:s0:c2"),
        CAT._replace(scontext="pets_u:pet_r:cat_t:s1"),
    ]
    assert [row.times for row in tallied(variants)] == [1] * len(variants)


def test_the_first_object_with_a_name_is_the_example() -> None:
    (row,) = tallied([CAT._replace(fields=()), CAT._replace(fields=(("name", "bowl"),))])
    assert row.object_name == "bowl"


@given(st.lists(st.sampled_from([CAT, CAT._replace(comm="dog"), CAT._replace(permissive=True)])))
def test_every_denial_is_counted_once(records: list[AvcRecord]) -> None:
    counts = [row.times for row in tallied(records)]
    assert sum(counts) == len(records)
    assert counts == sorted(counts, reverse=True)


def test_names_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[1m") == "a\\x1b[1m"
    assert printable("Müsli") == "Müsli"
