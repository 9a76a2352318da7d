import pytest

import eyebright as eb
from eyebright.system.errors import DataError


def test_a_learning_rate_is_found_for_a_dataset_with_progress(make_folder, capsys):
    pictures = eb.Dataset.open(make_folder())
    seen = []
    settings = eb.Settings(batch_size=8, optimizer="sgd", weight_decay=0.0)
    found = eb.find_learning_rate(pictures, size=16, settings=settings, callbacks=[seen.append])
    assert 1e-5 < found.suggestion < 1
    assert seen[-1].done == len(found.rates) <= seen[-1].of
    assert repr(found) == f"RangeTest(suggestion={found.suggestion:.2g}, {len(found.rates)} learning rates)"
    assert capsys.readouterr() == ("", "")  # a pipe gets no bar


def test_the_network_may_be_given(make_folder):
    pictures = eb.Dataset.open(make_folder())
    found = eb.find_learning_rate(pictures, network=eb.zoo.mlp(3, input_size=12), settings=eb.Settings(batch_size=8))
    assert len(found.rates) == len(found.smoothed) > 20


def test_corrections_are_reported_and_those_of_other_images_refused(make_folder, tmp_path):
    folder, settings, found = make_folder(), eb.Settings(batch_size=8), []
    for name in ("red/000.png", "cat.png"):
        (tmp_path / "c.json").write_text(f'{{"corrections": [{{"name": "{name}", "decision": "exclude"}}]}}')
        pictures = eb.Dataset.open(folder, corrections=tmp_path / "c.json")
        if name == "cat.png":
            with pytest.raises(DataError, match="belongs to other images"):
                eb.find_learning_rate(pictures, network=eb.zoo.mlp(3, input_size=12), settings=settings)
        else:
            eb.find_learning_rate(
                pictures, network=eb.zoo.mlp(3, input_size=12), settings=settings, callbacks=[found.append]
            )
            assert found[0].excluded == 1
