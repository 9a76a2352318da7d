from pathlib import Path

from eyebright.data.pictures import Preparation
from eyebright.network import zoo
from eyebright.runs.about import about_run, model_facts, result_table
from eyebright.runs.folder import Run
from eyebright.runs.request import Request
from eyebright.training.events.results import VerdictReached

VERDICT = VerdictReached(
    time_s=0, kind="overfitting", text="Overfitting.", advice="Try:\n  eyebright train --config RUN/config.toml -o NEW",
    others=(),
)  # fmt: skip


def test_a_run_says_what_it_is_called_what_was_found_and_how_to_repeat_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run, earlier = Run("run"), VerdictReached(kind="leak suspected", text="Leak.", advice="")
    run.create(Request(pictures="s3://bucket/cats.tar?token=secret"), zoo.mlp(2, input_size=4), overwrite=False)
    command = ("To predict:", "eyebright predict RUN IMAGES")
    about = about_run(run, [earlier, VERDICT], facts=(), command=command, training=(), data=(), sets=())
    assert (about.name, about.date, about.versions) == ("cats.tar", "", {})
    assert about.commands == [("To predict:", "eyebright predict run IMAGES")]
    assert about.repeat == "eyebright train --config run/config.toml -o NEW" and "secret" not in about.settings
    (shown,) = about.verdicts
    assert (shown.kind, shown.advice) == ("overfitting", "Try:")
    assert shown.commands == ("eyebright train --config run/config.toml -o run_2",)


def test_a_model_is_its_network_and_the_size_of_its_images():
    facts = model_facts(("a", "b"), zoo.mlp(2, input_size=4), Preparation(width=4, height=6), 1_200, [])
    assert dict(facts)["Training images"] == "1,200" and dict(facts)["Image size"] == "4 × 6"
    assert dict(facts)["Classes"] == "2"


def test_a_result_names_the_commands_that_go_on():
    table = result_table(
        Path("my run"), test=("test accuracy", "80.0%"), python="result", options=" --figure boxes.png",
        verdicts=["Overfitting.", "Few images."], interrupted=True,
    )  # fmt: skip
    rows = dict(table.rows)
    assert table.title == "Run my run (interrupted)" and table.notes == ("Overfitting.",)
    assert rows["test accuracy"] == "80.0%"
    assert rows["in a terminal"] == "eyebright predict 'my run' IMAGE --figure boxes.png"
    assert rows["to continue"] == "eyebright train --resume 'my run'"
