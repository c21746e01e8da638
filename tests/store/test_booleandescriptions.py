from pathlib import Path

from selbox.store.booleandescriptions import BooleanDescriptions

XML = """<?xml version="1.0" ?>
<policy><layer name="services"><module name="apache">
<tunable name="httpd_dance" dftval="false">
<desc>
<p>
Determine whether httpd can
dance &amp; sing.
</p>
</desc>
</tunable></module></layer>
<bool name="secure_mode" dftval="false"><desc><p>Secure.</p></desc></bool></policy>
"""


def test_booleans_are_described_as_their_authors_do(tmp_path: Path) -> None:
    path = tmp_path / "policy.xml"
    path.write_text(XML)
    descriptions = BooleanDescriptions(str(path))
    assert descriptions.describe("httpd_dance") == "Determine whether httpd can dance & sing."
    assert descriptions.describe("secure_mode") == "Secure."


def test_without_a_description_the_name_is_made_words_of(tmp_path: Path) -> None:
    assert BooleanDescriptions(str(tmp_path / "gone")).describe("ftpd_use_nfs") == "Allow ftpd to use nfs"
