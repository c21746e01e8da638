import pytest
from tests.server.policies import make_policy

from selbox.diagnostics import SelboxError
from selbox.server.securityserver import SecurityServer

SERVER = SecurityServer(make_policy())


@pytest.mark.parametrize(
    "text",
    [
        "system_u:animal_r:dog_t:s0",
        "pet_u:animal_r:dog_t:s0:c0.c3",
        "pet_u:animal_r:dog_t:s0-s0:c0.c3",
        "system_u:vet_r:cat_t:s0:c7-s1:c1.c7",
        # object_r goes with every user and type, whatever the user's clearance
        "pet_u:object_r:dog_chow_t:s1:c7",
    ],
)
def test_valid(text: str) -> None:
    assert SERVER.sid_to_context(SERVER.context_to_sid(text)) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("system_u:animal_r:dog_chow_t:s0", "role `animal_r` may not take type `dog_chow_t`"),
        ("pet_u:vet_r:dog_t:s0", "user `pet_u` may not take role `vet_r`"),
        ("pet_u:animal_r:dog_t:s0:c4", "not within `s0-s0:c0.c3`, which is the clearance of user `pet_u`"),
        ("pet_u:animal_r:dog_t:s0-s1", "not within"),
        ("system_u:animal_r:dog_t:s0:c1-s0", "`s0` does not dominate the low `s0:c1`"),
        ("system_u:object_r:dog_t:s1-s0", "`s0` does not dominate the low `s1`"),
        ("system_u:object_r:dog_t:s1:c0", "sensitivity `s1` does not go with category `c0`"),
        ("system_u:object_r:dog_t:s0-s1:c0,c1", "sensitivity `s1` does not go with category `c0`"),
    ],
)
def test_invalid(text: str, words: str) -> None:
    with pytest.raises(SelboxError) as caught:
        SERVER.context_to_sid(text)
    assert caught.value.diagnostics[0].code == "invalid-context"
    assert words in str(caught.value)


def test_without_mls_ranges_play_no_part() -> None:
    server = SecurityServer(make_policy(mls=False))
    assert server.sid_to_context(server.context_to_sid("pet_u:animal_r:dog_t")) == "pet_u:animal_r:dog_t"
