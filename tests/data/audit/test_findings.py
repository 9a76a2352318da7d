import json

import pytest

from eyebright.data.audit.findings import FINDING_KINDS, RENAMED, Audit, Finding, load, save
from eyebright.system import records
from eyebright.system.errors import DataError


@pytest.fixture
def audit() -> Audit:
    def finding(kind, *pictures):
        return Finding(kind=kind, pictures=pictures, classes=("a",) * len(pictures), figure=0.5, sentence="as it is")

    return Audit(
        origin="flowers",
        pictures=9,
        classes={"a": 9},
        findings=(
            finding("exact duplicates", "a/1", "a/2"),
            finding("blurred", "a/3"),
            finding("conflicting labels", "a/4", "b/4"),
        ),
    )


def test_a_saved_audit_is_loaded_unchanged(audit, tmp_path):
    save(audit, tmp_path / "audit.json")
    assert load(tmp_path / "audit.json") == audit


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "cannot be read"), ('{"format": 2}', r"\$\.format"), ('{"formt": 1}', "did you mean 'format'")],
)
def test_a_file_that_is_not_an_audit_is_an_error_with_its_reason(tmp_path, text, message):
    (tmp_path / "audit.json").write_text(text)
    with pytest.raises(DataError, match=message):
        load(tmp_path / "audit.json")


def test_the_error_names_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"nowhere.json cannot be read"):
        load(tmp_path / "nowhere.json")


def test_of_an_audit_of_boxes_the_findings_about_whole_images_are_loaded(audit, tmp_path):
    content = json.loads(records.to_json(audit))
    content |= {"findings": [{"kind": "tiny", "picture": "a/1"}], "images": content["findings"], "unused": []}
    (tmp_path / "audit.json").write_text(json.dumps(content))
    assert load(tmp_path / "audit.json") == audit


def test_the_first_of_duplicates_is_kept_but_none_with_different_labels(audit):
    assert audit.to_exclude(["exact duplicates"]) == {"a/2"}
    assert audit.to_exclude(["blurred", "conflicting labels"]) == {"a/3", "a/4", "b/4"}
    assert [finding.pictures for finding in audit.of("blurred")] == [("a/3",)]


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_kinds_of_older_versions_are_read_and_can_be_excluded(audit, tmp_path, old, new):
    path = tmp_path / "audit.json"
    save(audit, path)
    path.write_text(path.read_text().replace('"blurred"', f'"{old}"'))
    found = load(path)
    assert new in FINDING_KINDS and found.findings[1].kind == new
    assert found.to_exclude([old]) == found.to_exclude([new])


def test_an_unknown_kind_is_an_error(audit, tmp_path):
    path = tmp_path / "audit.json"
    save(audit, path)
    path.write_text(path.read_text().replace('"blurred"', '"blurry"'))
    with pytest.raises(DataError, match="did you mean 'blurred'"):
        load(path)


@pytest.mark.parametrize("kind", FINDING_KINDS)
def test_a_kind_with_its_counts_fits_on_a_line_and_so_does_its_explanation(kind):
    assert len(f"{kind}: 12,345 images in 123 sets") <= 80 and len(f"  {FINDING_KINDS[kind]}") <= 80
