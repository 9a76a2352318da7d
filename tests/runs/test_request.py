import tomllib

import msgspec

from eyebright.runs.options import gather, read_config
from eyebright.runs.request import FIELDS, SETTINGS, Request, descriptions, table
from eyebright.training.settings import Settings


def test_every_option_is_described_once():
    assert descriptions(Request).keys() == {field.name for field in msgspec.structs.fields(Request)}
    assert descriptions(Settings).keys() == SETTINGS
    assert not FIELDS.keys() & SETTINGS  # they stand side by side in config.toml
    rows = table().splitlines()[2:] + table(Settings).splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [*FIELDS, *Settings.__struct_fields__]
    assert "| `batch_size` | `32` |" in table(Settings)


def test_a_request_goes_to_config_toml_and_back(tmp_path):
    request = Request(
        pictures="p", network="mlp", start_from="old", size=24, resize="pad", excluded=("a", "b"), log=("csv",),
        split_seed=3, training=Settings(epochs=4, frozen=("conv1",), ema=0.9),
    )  # fmt: skip
    (tmp_path / "config.toml").write_text(request.to_toml())
    assert read_config(tmp_path / "config.toml") == request
    data = tomllib.loads(request.to_toml())
    assert data["from"] == "old" and data["frozen"] == ["conv1"]
    assert not {"output", "augment", "overwrite", "mirror", "exclude"} & data.keys()


def test_a_recipe_stands_for_settings_that_were_not_given():
    recipe = {"batch_size": 8, "ema": 0.99, "patience": 0, "weight_decay": 0.05}
    usual = Settings()
    request = gather({"pictures": "x", "batch_size": usual.batch_size, "set": ["weight-decay = 0.3"]},
                     base=Settings(patience=3))  # fmt: skip
    settings = request.with_recipe(recipe)
    assert (settings.batch_size, settings.weight_decay, settings.patience) == (usual.batch_size, 0.3, 3)
    assert settings.ema == 0.99
