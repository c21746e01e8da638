from collections.abc import Callable
from pathlib import Path

import pytest
from tests.policies.deciders import ORACLE, Decider, Selbox, Sepol


@pytest.fixture(params=["selbox", pytest.param("libsepol", marks=[pytest.mark.oracle, ORACLE])], scope="session")
def decider_for(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Decider]:
    """What compiles a user's policy with the base and decides by it: selbox, and the SELinux project's programs."""
    made: dict[str, Decider] = {}

    def make(text: str) -> Decider:
        if text not in made:
            directory: Path = tmp_path_factory.mktemp("policy")
            made[text] = Selbox(text) if request.param == "selbox" else Sepol(text, directory)
        return made[text]

    return make
