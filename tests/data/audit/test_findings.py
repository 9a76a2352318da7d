import pytest

from eyebright.data.audit.findings import Audit, Finding, load, save
from eyebright.system.errors import DataError


@pytest.fixture
def audit() -> Audit:
    def finding(kind, *pictures):
        return Finding(kind=kind, pictures=pictures, classes=("a",) * len(pictures), figure=0.5, sentence="so it is")

    return Audit(
        origin="flowers",
        pictures=9,
        classes={"a": 9},
        findings=(
            finding("exact copies", "a/1", "a/2"),
            finding("blurred", "a/3"),
            finding("copies with different labels", "a/4", "b/4"),
        ),
    )


def test_an_audit_comes_back_as_it_was_saved(audit, tmp_path):
    save(audit, tmp_path / "audit.json")
    assert load(tmp_path / "audit.json") == audit


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "cannot be read"), ('{"format": 2}', r"\$\.format"), ('{"formt": 1}', "did you mean 'format'")],
)
def test_what_is_no_audit_is_refused_with_its_reason(tmp_path, text, message):
    (tmp_path / "audit.json").write_text(text)
    with pytest.raises(DataError, match=message):
        load(tmp_path / "audit.json")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere.json cannot be read"):
        load(tmp_path / "nowhere.json")


def test_of_copies_the_first_is_kept_and_of_contradicting_ones_none(audit):
    assert audit.superfluous(["exact copies"]) == {"a/2"}
    assert audit.superfluous(["blurred", "copies with different labels"]) == {"a/3", "a/4", "b/4"}
    assert [finding.pictures for finding in audit.of("blurred")] == [("a/3",)]
