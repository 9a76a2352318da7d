import errno
import hashlib
import json
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from safetensors.numpy import load_file, save

from eyebright.model.classifier import Classifier
from eyebright.model.folder import check_onnx, find_model, read_model
from eyebright.network.zoo.small import flowers_cnn
from eyebright.system.errors import ModelError, OutputError

BIG = ("weights.safetensors", "network.onnx", "golden.safetensors", "reference.safetensors")
DEEP = "[" * 100_000 + "]" * 100_000
PICTURES = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), np.uint8)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def test_a_model_comes_back_as_it_was_to_the_last_bit(tmp_path: Path) -> None:
    before = Classifier(flowers_cnn(3, input_size=16), classes=["daisy", "雏菊", "🌻"], resize="pad", seed=5)
    before.save(tmp_path / "model")
    after = Classifier.load(tmp_path / "model")
    assert {name: value.tobytes() for name, value in after.get_weights().items()} == {
        name: value.tobytes() for name, value in before.get_weights().items()
    }
    probabilities = [classifier.predictor.probabilities(PICTURES).tobytes() for classifier in (before, after)]
    assert probabilities[0] == probabilities[1]
    assert (after.classes, after.preparation, after.network) == (before.classes, before.preparation, before.network)


def test_weights_survive_whatever_their_bits_and_their_layout_in_memory(
    write: Callable, saved: Path, tmp_path: Path
) -> None:
    weights = read_model(saved).weights()
    weights["dense_1.weight"] = np.asfortranarray(weights["dense_1.weight"])
    weights["dense_2.bias"] = np.array([-0.0, 1e-45, np.nan], np.float32)
    write(tmp_path / "model", weights=weights)
    loaded = read_model(tmp_path / "model").weights()
    assert list(loaded) == list(weights)
    assert all(loaded[name].tobytes() == np.ascontiguousarray(values).tobytes() for name, values in weights.items())


def test_the_card_holds_the_checksums_of_the_large_files(saved: Path) -> None:
    stored = json.loads((saved / "model.json").read_text())["sha256"]
    assert stored.pop("model.json")
    assert stored == {name: hashlib.sha256((saved / name).read_bytes()).hexdigest() for name in BIG}


def test_a_run_will_do_where_a_model_is_wanted(saved: Path, tmp_path: Path) -> None:
    shutil.copytree(saved, tmp_path / "run" / "model")
    assert read_model(tmp_path / "run").path == tmp_path / "run" / "model"


def test_a_run_without_a_model_says_how_to_finish_it(tmp_path: Path) -> None:
    (tmp_path / "config.toml").touch()
    with pytest.raises(ModelError, match="run without a model yet: finish it with: eyebright train --resume"):
        read_model(tmp_path)


@pytest.mark.parametrize("name", ["nowhere", "nul\0", "loop"])
def test_a_path_that_is_not_there_is_a_model_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ModelError, match=r"does not exist: give the folder of a model or of a run"):
        read_model(tmp_path / name)


def test_a_path_longer_than_the_system_allows_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nnn.*(does not exist|File name too long)"):
        read_model(tmp_path / ("n" * 300))


@pytest.mark.parametrize("path", [Path("/"), Path("/dev/null")], ids=str)
def test_a_path_that_is_no_model_is_a_model_error(path: Path) -> None:
    with pytest.raises(ModelError, match=rf"{path} is not a model: it has no model\.json"):
        read_model(path)


def test_a_folder_without_a_card_is_no_model(model: Path) -> None:
    (model / "model.json").unlink()
    with pytest.raises(ModelError, match=r"is not a model: it has no model\.json"):
        read_model(model)


@pytest.mark.parametrize("name", BIG)
def test_an_incomplete_model_says_what_is_missing(model: Path, name: str) -> None:
    (model / name).unlink()
    with pytest.raises(ModelError, match=f"incomplete: {name} is missing; copy the whole folder again"):
        read_model(model)


@pytest.mark.parametrize("name", BIG)
def test_one_altered_bit_is_noticed(model: Path, name: str) -> None:
    content = bytearray((model / name).read_bytes())
    content[len(content) // 2] ^= 1
    (model / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"{name} was altered: its SHA-256 is not the one in model.json"):
        read_model(model)


@pytest.mark.parametrize("name", BIG)
def test_a_file_without_a_checksum_is_not_trusted(model: Path, edit_card: Callable, name: str) -> None:
    edit_card(lambda card: card["sha256"].pop(name))
    with pytest.raises(ModelError, match=f"{name} was altered"):
        read_model(model)


def as_format_1(model: Path) -> None:
    """Make a folder one of format 1: only probabilities in the graph and the golden images, and no reference."""
    graph = onnx.load(model / "network.onnx")
    del graph.graph.output[1:]
    onnx.save(graph, model / "network.onnx")
    tensors = load_file(model / "golden.safetensors")
    (model / "golden.safetensors").write_bytes(save({name: tensors[name] for name in tensors if name != "answer"}))
    (model / "reference.safetensors").unlink()
    card = json.loads((model / "model.json").read_text()) | {"format": 1}
    card["sha256"] = {name: hashlib.sha256((model / name).read_bytes()).hexdigest() for name in BIG[:3]}
    (model / "model.json").write_text(json.dumps(card))


def test_a_model_of_format_1_answers_for_every_image_and_is_saved_in_the_new_format(model: Path) -> None:
    as_format_1(model)
    loaded = Classifier.load(model)
    found = loaded.predictor.answers(PICTURES)
    assert found.unfamiliarity is None
    assert found.answer.tolist() == found.probabilities.argmax(axis=1).tolist()
    loaded.save(model, overwrite=True)
    assert read_model(model).card.format == 2
    assert np.array_equal(Classifier.load(model).predictor.answers(PICTURES).answer, found.answer)


def test_readme_and_history_are_free_to_edit_and_to_delete(model: Path) -> None:
    (model / "README.md").unlink()
    (model / "history.json").unlink()
    assert read_model(model).history(dict) == {}


@pytest.mark.parametrize("content", [b"[", b"\xff", b"[]", DEEP.encode(), b'{"loss": 1}'])
def test_a_history_that_is_none_is_a_model_error(model: Path, content: bytes) -> None:
    (model / "history.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"history\.json cannot be read: [^\n]*; copy the whole folder again"):
        read_model(model).history(dict[str, list[float]])


@pytest.mark.parametrize("version", [3, 10**18])
def test_a_newer_format_says_to_update_even_where_it_has_keys_unknown_today(
    model: Path, edit_card: Callable, version: int
) -> None:
    edit_card(lambda card: card.update(format=version, hologram=True))
    with pytest.raises(
        ModelError, match=f"format {version}, but this version of eyebright reads up to 2: update eyebright"
    ):
        read_model(model)


@pytest.mark.parametrize("version", [0, -1])
def test_a_format_that_never_was_is_refused(model: Path, edit_card: Callable, version: int) -> None:
    edit_card(lambda card: card.update(format=version))
    with pytest.raises(ModelError, match=f"format.*{version}"):
        read_model(model)


@pytest.mark.parametrize("text", ["", "null", "[]", "{", "\udcff", DEEP, f'{{"format": 1, "classes": {DEEP}}}'])
def test_a_card_that_is_no_json_object_is_a_model_error(model: Path, text: str) -> None:
    (model / "model.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ModelError, match=r"model\.json cannot be read: [^\n]*; copy the whole folder again"):
        read_model(model)


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors", "history.json"])
def test_a_file_without_permission_says_what_to_check(model: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    def refusing(path: Path, *rest: Any, **more: Any) -> Any:
        if path.name == name:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, *rest, **more)

    monkeypatch.setattr(Path, "open", refusing)
    with pytest.raises(ModelError, match=rf"{name} cannot be read: Permission denied: check the permissions"):
        read_model(model).history(dict)


def test_a_card_of_monstrous_size_is_refused_unread(model: Path) -> None:
    with (model / "model.json").open("r+b") as file:
        file.truncate(500_000_001)  # of holes
    with pytest.raises(ModelError, match=r"model\.json is larger than 500 MB"):
        read_model(model)


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (["format"], "1", r"Expected `int`, got `str` - at `\$\.format`"),
        (["format"], True, r"Expected `int`, got `bool`"),
        (["classes"], "abc", r"\$\.classes"),
        (["classes"], ["a", "b", 3], r"\$\.classes\[2\]|\$\.classes\[\.\.\.\]"),
        (["classes"], ["a", "b", "a"], "two classes have the same name"),
        (["classes"], ["a", "b"], r"the network gives \(3,\), but there are 2 classes"),
        (["classes"], list("abcd"), r"the network gives \(3,\), but there are 4 classes"),
        (["clases"], [], "clases.*did you mean 'classes'"),
        (["preparation", "width"], 10**400, "16384 pixels|out of range"),
        (["preparation", "width"], 17, r"takes \(3, 16, 16\), but images are prepared to \(3, 16, 17\)"),
        (["preparation", "fit"], "melt", r"melt.*\$\.preparation\.fit"),
        (["calibration", "temperature"], 0, "temperature must be above 0"),
        (["calibration", "temperature"], 10**400, "out of range"),
        (["sha256"], {"network.onnx": 3}, r"\$\.sha256"),
        (["network"], [], r"\$\.network"),
        (["network"], {"format": 2, "layers": [], "output": ""}, "network has format 2"),
        (["network", "output"], "nowhere", "'nowhere' is not a layer"),
        (["network", "layers"], 10**400, r"network.*is invalid"),
        (["network", "layers", 2, "out_channels"], 10**400, "layer 'conv_1'.*from 1 to 1,000,000"),
        (["network", "layers", 2, "kernel_size"], [3], "layer 'conv_1'"),
        (["network", "layers", 2, "type"], "Steal", "unknown type 'Steal'"),
        (["network", "layers", 2, "inputs"], ["conv_1"], "cycle: conv_1 <- conv_1$"),
        (["network", "layers", 2, "inputs"], {"a": 1}, "inputs of layer 'conv_1'"),
    ],
)  # fmt: skip
def test_a_card_of_wrong_content_is_a_model_error_that_names_the_place(
    model: Path, edit_card: Callable, keys: list, value: object, message: str
) -> None:
    def change(card: Any) -> None:
        for key in keys[:-1]:
            card = card[key]
        card[keys[-1]] = value

    edit_card(change)
    with pytest.raises(ModelError, match=message):
        read_model(model)


def test_names_that_climb_out_of_the_folder_lead_nowhere(
    model: Path, tmp_path: Path, edit_card: Callable, replace: Callable, opened: list[str]
) -> None:
    climbing = "../secret"
    (tmp_path / "secret").write_bytes(b"nobody may read this")
    weights = load_file(model / "weights.safetensors")
    replace("weights.safetensors", save({name.replace("conv_1", climbing): value for name, value in weights.items()}))
    text = (model / "model.json").read_text().replace('"conv_1"', f'"{climbing}"').replace('"rose"', f'"{climbing}"')
    (model / "model.json").write_text(text)
    edit_card(lambda card: card["sha256"].update({climbing: "0" * 64, "/etc/passwd": "0" * 64}))
    before = tree(tmp_path)
    opened.clear()
    stored = read_model(model)
    assert stored.card.classes[1] == climbing
    assert f"{climbing}.weight" in stored.weights()
    stored.golden()
    stored.history(dict)
    assert {Path(path).parent for path in opened} == {model}
    assert tree(tmp_path) == before


def test_a_pickle_in_place_of_the_weights_is_not_executed(model: Path, replace: Callable, tmp_path: Path) -> None:
    replace("weights.safetensors", pickle.dumps(Bomb(tmp_path / "executed")))
    with pytest.raises(ModelError, match=r"weights\.safetensors is damaged"):
        read_model(model).weights()
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 8,
        struct.pack("<Q", 2) + b"{}" + b"rest",
        pytest.param(
            struct.pack("<Q", 60) + b'{"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}  ' + bytes(8),
            id="8-bit",
        ),
    ],
)
def test_weights_that_are_no_sound_safetensors_are_a_model_error(
    model: Path, replace: Callable, content: bytes
) -> None:
    replace("weights.safetensors", content)
    with pytest.raises(ModelError, match=r"weights\.safetensors"):
        read_model(model).weights()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            lambda w: w.pop("dense_2.bias"), r"dense_2\.bias: expected float32 \(3,\), got no tensor", id="missing"
        ),
        pytest.param(
            lambda w: w.update({"x.y": np.zeros(4, np.float32)}),
            r"x\.y: expected no tensor, got float32 \(4,\)",
            id="extra",
        ),
        pytest.param(
            lambda w: w.update({"dense_2.bias": np.zeros((1, 3), np.float32)}),
            r"dense_2\.bias: expected float32 \(3,\), got float32 \(1, 3\)",
            id="other shape",
        ),
        pytest.param(
            lambda w: w.update({"dense_2.bias": np.zeros(3)}),
            r"dense_2\.bias: expected float32 \(3,\), got float64 \(3,\)",
            id="other dtype",
        ),
    ],
)
def test_weights_that_do_not_fit_the_network_are_named(
    model: Path, replace: Callable, change: Callable, message: str
) -> None:
    weights = load_file(model / "weights.safetensors")
    change(weights)
    replace("weights.safetensors", save(weights))
    with pytest.raises(ModelError, match=message):
        read_model(model).weights()


def test_a_model_that_stands_is_not_overwritten_unasked(model: Path, write: Callable) -> None:
    before = tree(model.parent)
    with pytest.raises(OutputError, match=r"already exists: choose another folder, or pass --overwrite"):
        write(model)
    assert tree(model.parent) == before


def test_overwriting_leaves_the_new_model_and_nothing_else(model: Path, write: Callable) -> None:
    (model / "stale").touch()
    write(model, history={"epochs": 7}, overwrite=True)
    assert read_model(model).history(dict) == {"epochs": 7}
    assert [path.name for path in model.parent.iterdir()] == ["model"]
    assert sorted(path.name for path in model.iterdir()) == sorted([*BIG, "model.json", "history.json", "README.md"])


def test_what_fails_while_writing_leaves_the_old_model_and_nothing_else(model: Path, write: Callable) -> None:
    before = tree(model.parent)
    with pytest.raises(TypeError, match="object"):
        write(model, history=object(), overwrite=True)
    assert tree(model.parent) == before


def test_a_disk_that_fills_up_is_an_output_error_and_leaves_the_old_model(
    model: Path, write: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = tree(model.parent)
    monkeypatch.setattr("eyebright.system.files.sha256", full)
    with pytest.raises(OutputError, match="model cannot be written: No space left on device"):
        write(model, overwrite=True)
    assert tree(model.parent) == before


def test_a_crash_between_the_two_renames_leaves_the_old_model_to_load(
    model: Path, write: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, renamed = Path.rename, []

    def crash(path: Path, target: Path) -> Path:
        renamed.append(path)
        if len(renamed) == 2:
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", crash)
        with pytest.raises(KeyboardInterrupt):
            write(model, history={"epochs": 7}, overwrite=True)
    assert not model.exists()
    assert read_model(model).history(dict) != {"epochs": 7}
    write(model, history={"epochs": 8})
    assert read_model(model).history(dict) == {"epochs": 8}
    assert [path.name for path in model.parent.iterdir()] == ["model"]


def test_writing_returns_the_card_that_was_written(write: Callable, tmp_path: Path) -> None:
    card = write(tmp_path / "deep" / "down" / "model")
    assert msgspec.json.decode((tmp_path / "deep/down/model/model.json").read_bytes(), type=type(card)) == card


# The graph: nothing in it may read other files or run foreign code

FOREIGN = helper.make_node("Steal", ["x"], ["z"], domain="com.evil")


def outside(name: str = "secret") -> TensorProto:
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), name)
    onnx.external_data_helper.set_external_data(tensor, "../secret.bin")
    tensor.ClearField("raw_data")
    return tensor


def branch(*nodes: NodeProto, initializers: tuple[TensorProto, ...] = ()) -> NodeProto:
    graph = helper.make_graph(list(nodes), "branch", [], [], list(initializers))
    return helper.make_node("If", ["condition"], ["r"], then_branch=graph, else_branch=graph)


def tensors_attribute() -> NodeProto:
    node = helper.make_node("Constant", [], ["c"])
    node.attribute.append(AttributeProto(name="values", type=AttributeProto.TENSORS, tensors=[outside()]))
    return node


def only_location(graph: GraphProto) -> None:
    """External data without the flag that says so."""
    tensor = outside()
    tensor.data_location = TensorProto.DEFAULT
    graph.initializer.append(tensor)


def sparse(graph: GraphProto) -> None:
    indices = numpy_helper.from_array(np.arange(3), "indices")
    graph.sparse_initializer.append(helper.make_sparse_tensor(outside(), indices, [9]))


@pytest.fixture
def graph() -> ModelProto:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    relu = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", values[:1], values[1:])
    return helper.make_model(relu, opset_imports=[helper.make_opsetid("", 18)])


@pytest.fixture
def check(graph: ModelProto, tmp_path: Path) -> Callable[[], None]:
    def check() -> None:
        (tmp_path / "network.onnx").write_bytes(graph.SerializeToString())
        check_onnx(tmp_path / "network.onnx")

    return check


@pytest.mark.parametrize("domain", ["", "ai.onnx"])
def test_standard_operators_pass_also_in_subgraphs(graph: ModelProto, check: Callable, domain: str) -> None:
    graph.graph.node.append(branch(helper.make_node("Relu", ["x"], ["z"], domain=domain)))
    assert check() is None


@pytest.mark.parametrize(
    "hide",
    [
        pytest.param(lambda graph: graph.initializer.append(outside()), id="initializer"),
        pytest.param(only_location, id="without flag"),
        pytest.param(sparse, id="sparse initializer"),
        pytest.param(lambda graph: graph.node.append(tensors_attribute()), id="list of tensors"),
        pytest.param(
            lambda graph: graph.node.append(helper.make_node("Constant", [], ["c"], value=outside())), id="constant"
        ),
        pytest.param(lambda graph: graph.node.append(branch(initializers=(outside(),))), id="branch of an If"),
        pytest.param(
            lambda graph: graph.node.append(branch(branch(initializers=(outside(),)))), id="branch of a branch"
        ),
    ],
)
def test_tensors_outside_the_file_are_refused_wherever_they_hide(
    graph: ModelProto, check: Callable, hide: Callable
) -> None:
    hide(graph.graph)
    with pytest.raises(ModelError, match=r"network\.onnx stores tensor 'secret' outside the file: this is not allowed"):
        check()


@pytest.mark.parametrize("node", [FOREIGN, branch(FOREIGN), branch(branch(FOREIGN))], ids=["graph", "branch", "deeper"])
def test_foreign_operators_are_refused_wherever_they_hide(graph: ModelProto, check: Callable, node: NodeProto) -> None:
    graph.graph.node.append(node)
    with pytest.raises(ModelError, match=r"uses the operator com\.evil\.Steal: only standard ones are allowed"):
        check()


@pytest.mark.parametrize("domain", ["com.microsoft", "ai.onnx.ml", "org.openvinotoolkit"])
def test_foreign_operator_sets_are_refused(graph: ModelProto, check: Callable, domain: str) -> None:
    graph.opset_import.append(helper.make_opsetid(domain, 1))
    with pytest.raises(ModelError, match=rf"uses operators of {domain}: only standard ones are allowed"):
        check()


def test_functions_of_its_own_are_refused(graph: ModelProto, check: Callable) -> None:
    body = [helper.make_node("Relu", ["x"], ["y"])]
    graph.functions.append(helper.make_function("", "Mine", ["x"], ["y"], body, [helper.make_opsetid("", 18)]))
    with pytest.raises(ModelError, match="defines its own functions: only standard operators are allowed"):
        check()


@pytest.mark.parametrize("content", [b"no ONNX", b"\x80\x04K\x01.", b"<?xml version='1.0'?><net/>"])
def test_what_is_no_onnx_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "network.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"network\.onnx is not an ONNX file"):
        check_onnx(tmp_path / "network.onnx")


@pytest.mark.parametrize(
    ("beside", "words"),
    [(True, r"network\.onnx is a file: give its folder, .*model$"), (False, "give the folder of a model")],
)
def test_a_file_of_a_model_in_place_of_its_folder_is_named(tmp_path: Path, beside: bool, words: str) -> None:
    place = tmp_path / "model"
    place.mkdir()
    for name in ("network.onnx", *(["model.json"] if beside else [])):
        (place / name).touch()
    with pytest.raises(ModelError, match=words):
        find_model(place / "network.onnx")
