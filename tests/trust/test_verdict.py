import pytest

from eyebright.system.errors import DataError
from eyebright.system.records import from_json, to_json
from eyebright.trust.verdict import Verdict


@pytest.mark.parametrize(("old", "new"), [("too few pictures", "too few images"), ("sound", "no problem found")])
def test_kinds_of_older_runs_are_read_under_their_new_names(old, new) -> None:
    text = to_json(Verdict(kind="overfitting", short="", text="")).replace("overfitting", old)
    assert from_json(text, Verdict, what="a verdict", error=DataError).kind == new
    with pytest.raises(DataError, match="kind"):
        from_json(text.replace(old, "overfiting"), Verdict, what="a verdict", error=DataError)
