"""The examples in the documents run, their commands and tables are those of the program, and their links exist.

To write what is made of the code into docs/settings.md and docs/exporting.md again: python tests/test_documents.py
"""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import eyebright as eb
from eyebright import network as network_room
from eyebright.cli.app import app
from eyebright.model.export import NAMES
from eyebright.model.export.recipe import usage
from eyebright.network import Layer, Network
from eyebright.runs.request import Request, table
from eyebright.training.settings import RANGES, Settings

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


SETTINGS = ROOT / "docs" / "settings.md"
EXPORTING = ROOT / "docs" / "exporting.md"


def ranges() -> str:
    """The allowed values of the settings that are numbers, as a table."""
    rows = [f"| `{name}` | {least:.16g} | {most:.16g} |" for name, (least, most) in RANGES.items()]
    return "\n".join(["| number | at least | at most |", "|---|---|---|", *rows]) + "\n"


def with_made(text: str, made: dict[str, str]) -> str:
    """A page with its marked parts as they are given, by their names."""
    for name, part in made.items():
        start, end = f"<!-- {name} -->\n", "<!-- end -->"
        before, _, rest = text.partition(start)
        text = before + start + part + end + rest.partition(end)[2]
    return text


def with_tables(text: str) -> str:
    """The page with the tables of options and settings as the code gives them."""
    return with_made(text, {"options": table(Request), "settings": table(Settings), "ranges": ranges()})


def with_uses(text: str) -> str:
    """The page with how exports are used, as README.md in their folders says it; some formats have their own page."""
    return with_made(text, {name: f"\n{usage(name)}\n\n" for name in NAMES if f"<!-- {name} -->" in text})


def blocks(document: Path, language: str) -> str:
    """The code blocks of a document in a language; "" is what is typed and printed."""
    text = (ROOT / document).read_text(encoding="utf-8")
    found = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    return "\n".join(code for name, code in found if name == language)


def python(document: str) -> str:
    return blocks(Path(document), "python")


def commands(document: Path) -> list[list[str]]:
    """The commands of eyebright in the code blocks of a document, as words."""
    code = blocks(document, "").replace("\\\n", "")
    lines = re.findall(r"^[ $]*(?:torchrun .* -m )?eyebright ([a-z].*)", code, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


def test_the_networks_of_the_guide_can_be_built(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(python("docs/networks.md").partition("pictures = ")[0], names)
    network = Network.from_json((tmp_path / "net.json").read_text())
    assert network.parameter_count == 27_011  # as the guide says: 32 * (3 * 5 * 5 + 1) + 3 * (32 * 16 * 16 + 1)


def test_a_layer_of_ones_own_runs_everywhere():
    import onnx.reference
    import torch

    from eyebright.network import Input, initial_weights
    from eyebright.network.onnx import to_onnx
    from eyebright.network.torch import TorchNetwork

    names: dict[str, object] = {}
    try:
        exec(python("ARCHITECTURE.md"), names)
        network = Network.sequential(Input((4,)), names["Softsign"]())
        assert Network.from_json(network.to_json()) == network
        values = np.linspace(-3, 3, 8, dtype=np.float32).reshape(2, 4)
        expected = values / (1 + np.abs(values))
        graph = onnx.reference.ReferenceEvaluator(to_onnx(network, initial_weights(network)))
        assert graph.run(None, {"input_1": values})[0] == pytest.approx(expected, abs=1e-6)
        assert TorchNetwork(network, {})(torch.from_numpy(values)).numpy() == pytest.approx(expected, abs=1e-6)
    finally:
        Layer.types.pop("Softsign", None)


def test_a_layer_of_ones_own_can_learn(tmp_path):
    import torch

    from eyebright.model.plain import Model
    from eyebright.network import Input
    from eyebright.network.torch import TorchNetwork

    names: dict[str, object] = {}
    try:
        exec(python("docs/layers.md"), names)
        model = Model(Network.sequential(Input((3, 2, 2)), names["PReLU"](name="bend")))
        model.set_weights({"bend.weight": [0.5]})
        model.save(tmp_path / "model")
        pictures = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
        assert Model.load(tmp_path / "model").predict(pictures) == pytest.approx(pictures.transpose(0, 3, 1, 2))
        module = TorchNetwork(model.network, model.get_weights())
        module(torch.full((1, 3, 2, 2), -2.0)).sum().backward()
        assert next(module.parameters()).grad.item() == -2.0 * 12  # of each of 12 values the derivative is x
    finally:
        Layer.types.pop("PReLU", None)


def test_the_pages_on_training_run_and_their_file_of_settings_is_one(make_folder, tmp_path, monkeypatch, capsys):
    from eyebright.runs.options import gather

    monkeypatch.chdir(tmp_path)
    make_folder("flower_photos")
    for page in ("docs/settings.md", "docs/training.md"):
        exec(python(page).replace("epochs=30", "epochs=1"), {})
    assert "epoch 1 is the best so far: " in capsys.readouterr().out
    assert (tmp_path / "python_run" / "model").is_dir() and (tmp_path / "watched_run" / "model").is_dir()
    text = SETTINGS.read_text(encoding="utf-8")
    (tmp_path / "run.toml").write_text(text.split("```toml\n")[1].split("```")[0])
    request = gather({"epochs": 30}, tmp_path / "run.toml")
    assert request.pictures == str(tmp_path / "flower_photos")
    settings = request.training
    assert (settings.epochs, settings.rotation, settings.zoom, settings.label_smoothing) == (30, 0.05, 0.0, 0.05)


def test_the_tables_of_options_and_settings_are_those_of_the_code():
    text = SETTINGS.read_text(encoding="utf-8")
    assert text == with_tables(text), "docs/settings.md is out of date; to update it: python tests/test_documents.py"


def test_the_page_of_exports_says_what_their_folders_say():
    text = EXPORTING.read_text(encoding="utf-8")
    assert text == with_uses(text), "docs/exporting.md is out of date; to update it: python tests/test_documents.py"


def test_the_module_for_other_converters_gives_the_probabilities(tmp_path, monkeypatch):
    import torch

    monkeypatch.chdir(tmp_path)
    classifier = eb.Classifier(eb.zoo.flowers_cnn(3, input_size=16), classes=["a", "b", "c"])
    classifier.save("flowers_run")
    names: dict[str, object] = {}
    exec("import torch\nfrom torch" + python("docs/exporting.md").partition("import torch\nfrom torch")[2], names)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), np.uint8)
    with torch.no_grad():
        found = names["module"](torch.from_numpy(pixels).permute(0, 3, 1, 2).float()).numpy()
    assert found == pytest.approx(classifier.predict_proba(pixels), abs=1e-5)


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_commands_in_documents_have_options_that_exist(document):
    import typer

    for name, *words in commands(document):
        command, path = typer.main.get_command(app), [name, *words]
        while path and path[0] in getattr(command, "commands", {}):
            command = command.get_command(None, path.pop(0))
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        used = {word.partition("=")[0] for word in path if re.match("--?[a-z]", word)}
        assert used <= known and not hasattr(command, "commands"), shlex.join([name, *words])


def test_every_layer_is_in_the_list():
    listed = re.findall(r"`(\w+)\(", (ROOT / "docs" / "layers.md").read_text(encoding="utf-8"))
    own = {name for name, kind in vars(network_room).items() if isinstance(kind, type) and issubclass(kind, Layer)}
    assert own - {"Layer"} <= set(listed)


def anchors(page: Path) -> set[str]:
    """How GitHub names the headings of a page."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links_between_documents_lead_somewhere(document):
    text = re.sub(r"```.*?```", "", (ROOT / document).read_text(encoding="utf-8"), flags=re.DOTALL)
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", text):
        page = ROOT / document.parent / target if target else ROOT / document
        assert page.exists(), target
        assert not anchor or anchor in anchors(page), f"{target}#{anchor}"


if __name__ == "__main__":
    SETTINGS.write_text(with_tables(SETTINGS.read_text(encoding="utf-8")), encoding="utf-8")
    EXPORTING.write_text(with_uses(EXPORTING.read_text(encoding="utf-8")), encoding="utf-8")
