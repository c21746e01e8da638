"""Programs that are run again and again: what was granted once is not what is granted now."""

import shutil

import pytest

from tests.enforce.boxes import Box
from tests.enforce.clients import USERS, make_box, needs

pytestmark = [pytest.mark.enforcement, needs("chcon", "true", "false", "cp", "mv", "ln")]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type tool_t) (call file_type (tool_t))
(type shut_t) (call file_type (shut_t))
(call run_files (cat_t tool_t)) (call manage_files (cat_t tool_t))
(allow cat_t tool_t (file (relabelfrom))) (allow cat_t shut_t (file (getattr relabelto)))
"""


@pytest.fixture(params=USERS)
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Box:
    return make_box(tmp_path_factory, POLICY, request.param)


def statuses(box: Box, script: str) -> str:
    """Return what a shell of cat_t writes, in a directory with two programs: one that succeeds, and one that fails."""
    options = ("--domain", "cat_t", "--label", f"{box.directory}=system_u:object_r:tool_t:s0")
    programs = " ".join(str(shutil.which(name, path="/usr/bin:/bin")) for name in ("true", "false"))
    return box.shell(f"go() {{ ./true 2>&-; echo $?; }}; cp {programs} .; go; go; {script}; go", *options).output


@pytest.mark.parametrize(
    ("script", "status"),
    [
        pytest.param(":", 0, id="nothing"),
        pytest.param("chcon -t shut_t true", 126, id="another label"),
        pytest.param("mv -f false true", 1, id="another file"),
        pytest.param("cp false true", 1, id="other contents"),
        pytest.param("chmod -x true", 126, id="no program any more"),
        pytest.param("rm true; mkdir true", 126, id="a directory"),
        pytest.param("rm true", 127, id="gone"),
        pytest.param("rm true; ln -s false true; ./true", 1, id="a link"),
        pytest.param("printf '#!/bin/sh\\nexit 3\\n' > true", 3, id="a script"),
    ],
)
def test_a_program_that_ran_before_is_what_it_is_now(box: Box, script: str, status: int) -> None:
    assert statuses(box, script) == f"0\n0\n{status}\n"
