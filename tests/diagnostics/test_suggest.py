from time import process_time

import pytest

from selbox.diagnostics import did_you_mean

TYPES = ("root_t", "bin_t", "httpd_t", "httpd_exec_t", "httpd_sys_content_t", "web_t", "user_home_dir_t", "db_t", "b_t")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("htpd_t", "httpd_t"),
        ("httdp_t", "httpd_t"),
        ("wep_t", "web_t"),
        ("ewb_t", "web_t"),
        ("wb_t", "web_t"),
        ("weeb_t", "web_t"),
        ("rot_t", "root_t"),
        ("htpd_exec_t", "httpd_exec_t"),
        ("httpd_content_t", "httpd_sys_content_t"),
        ("user_home_dirs_t", "user_home_dir_t"),
        ("httpd", "httpd_t"),
        ("httpd_r", "httpd_t"),
    ],
)
def test_a_slip_is_forgiven(name: str, meant: str) -> None:
    assert did_you_mean(name, TYPES) == f"did you mean `{meant}`?"


@pytest.mark.parametrize(
    "name", ["foo_t", "init_t", "a_t", "dc_t", "foo_exec_t", "bew_t", "orto_t", "_t", "", "-", "t"]
)
def test_names_that_only_end_alike_are_not_alike(name: str) -> None:
    assert did_you_mean(name, TYPES) == ""


@pytest.mark.parametrize(("option", "meant"), [("--lowd", "did you mean `--loud`?"), ("--foo", "")])
def test_dashes_are_no_part_of_a_name(option: str, meant: str) -> None:
    assert did_you_mean(option, ("--loud", "--root")) == meant


def test_one_name_that_is_like_may_stand_behind_ones_that_are_not() -> None:
    # as wholes both are as like, and of such ones the last in the alphabet comes first
    assert did_you_mean("abcd_t", ("abce_t", "bcda_t")) == "did you mean `abce_t`?"


def test_the_nearest_name_is_guessed() -> None:
    assert did_you_mean("htpd_t", ["etc_t", "httpd_t", "http_port_t"]) == "did you mean `httpd_t`?"
    assert did_you_mean("zebra", ["etc_t", "httpd_t"]) == ""


def test_a_name_of_megabytes_is_like_no_other_and_cheap() -> None:
    name = "a_t" * 5_000_000
    begin = process_time()
    assert did_you_mean(name, ["a_t", name[1:]]) == ""
    assert process_time() - begin < 1
