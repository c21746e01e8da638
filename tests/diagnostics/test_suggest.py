from time import process_time

from selbox.diagnostics import did_you_mean


def test_the_nearest_name_is_guessed() -> None:
    assert did_you_mean("htpd_t", ["etc_t", "httpd_t", "http_port_t"]) == "did you mean `httpd_t`?"
    assert did_you_mean("zebra", ["etc_t", "httpd_t"]) == ""


def test_a_name_of_megabytes_is_like_no_other_and_cheap() -> None:
    name = "a_t" * 5_000_000
    begin = process_time()
    assert did_you_mean(name, ["a_t", name[1:]]) == ""
    assert process_time() - begin < 1
