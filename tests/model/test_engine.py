import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

from eyebright.model import golden
from eyebright.model.engine import Engine
from eyebright.model.folder import StoredModel
from eyebright.model.golden import Golden
from eyebright.network import initial_weights
from eyebright.network.answering import Answering
from eyebright.network.onnx import to_onnx
from eyebright.network.zoo.small import flowers_cnn
from eyebright.system import files
from eyebright.system.errors import ModelError, OutputError


def no_compiling(*_: object) -> None:
    raise AssertionError("compiled again")


def only_batches_of_three(model: ModelProto) -> None:
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 3


def second_input(model: ModelProto) -> None:
    for values, name in ((model.graph.input, "extra"), (model.graph.output, "copy")):
        values.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]))
    model.graph.node.append(helper.make_node("Identity", ["extra"], ["copy"]))


def test_probabilities_are_those_of_the_onnx_reference(
    stored: StoredModel, pixels: NDArray, reference: Callable
) -> None:
    found = Engine.of_model(stored)(pixels)
    assert (found.shape, found.dtype) == ((70, 3), np.float32)
    assert found == pytest.approx(reference(pixels), abs=1e-5)
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert found.std(axis=0).min() > 1e-3  # the answers do depend on the pictures


def test_a_picture_gets_the_same_answer_alone_and_among_others(stored: StoredModel, pixels: NDArray) -> None:
    engine = Engine.of_model(stored)
    alone = np.concatenate([engine(pixels[index : index + 1]) for index in range(5)])
    assert alone == pytest.approx(engine(pixels)[:5], abs=1e-6)


def test_pictures_may_lie_anyhow_in_memory(stored: StoredModel, pixels: NDArray) -> None:
    engine = Engine.of_model(stored)
    mirrored = pixels[::-1, :, ::-1]
    assert np.array_equal(engine(mirrored), engine(mirrored.copy()))


def test_an_answer_is_not_changed_by_the_next_question(stored: StoredModel, pixels: NDArray) -> None:
    engine = Engine.of_model(stored)
    first = engine(pixels[:2])
    kept = first.copy()
    engine(pixels[2:4])
    assert np.array_equal(first, kept)


def test_the_engine_of_bytes_answers_like_that_of_the_folder(stored: StoredModel, pixels: NDArray) -> None:
    engine = Engine.of_bytes(stored.onnx_path.read_bytes())
    assert np.array_equal(engine(pixels), Engine.of_model(stored)(pixels))


def test_the_quick_engine_answers_nearly_the_same(stored: StoredModel, pixels: NDArray, reference: Callable) -> None:
    for engine in (Engine.of_model(stored), Engine.of_bytes(stored.onnx_path.read_bytes())):
        assert engine.quick(pixels) == pytest.approx(reference(pixels), abs=0.05)


@pytest.mark.parametrize(("capabilities", "same"), [(["FP32", "INT8"], True), (["FP32", "BF16"], False)])
def test_without_bfloat16_the_quick_engine_is_the_exact_one(
    stored: StoredModel, monkeypatch: pytest.MonkeyPatch, capabilities: list[str], same: bool
) -> None:
    engine = Engine.of_model(stored)
    monkeypatch.setattr(openvino.Core, "get_property", lambda *_: capabilities)
    assert (engine.quick is engine) == same and engine.quick is engine.quick


def test_the_second_start_compiles_nothing_and_answers_the_same(
    stored: StoredModel, pixels: NDArray, monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    first = Engine.of_model(stored)(pixels)
    (blob,) = own_cache.glob("compiled/*")
    os.utime(blob, (0, 0))
    monkeypatch.setattr(openvino.Core, "compile_model", no_compiling)
    monkeypatch.setattr(openvino.Core, "read_model", no_compiling)
    assert np.array_equal(Engine.of_model(stored)(pixels), first)
    assert blob.stat().st_mtime > 0  # it is used


def test_another_graph_is_not_answered_from_the_cache_of_this_one(
    stored: StoredModel, altered: Callable, pixels: NDArray
) -> None:
    Engine.of_model(stored)
    network = stored.network
    onnx_bytes = to_onnx(network, initial_weights(network, seed=2), answering=Answering()).SerializeToString()
    outputs = Engine.of_bytes(onnx_bytes).outputs(stored.golden().prepared)
    other = altered(onnx=onnx_bytes, golden=stored.golden()._replace(outputs=outputs))
    assert np.abs(Engine.of_model(other)(pixels) - Engine.of_model(stored)(pixels)).max() > 0.01


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda blob: b"", id="empty"),
        pytest.param(lambda blob: blob[: len(blob) // 2], id="cut"),
        pytest.param(lambda blob: bytes(len(blob)), id="zeros"),
        pytest.param(lambda blob: np.random.default_rng(0).bytes(len(blob)), id="noise"),
        pytest.param(lambda blob: blob[:40] + b"\xc4" + blob[41:], id="header"),
        pytest.param(
            lambda blob: bytes(byte ^ (0x10 if place % 40_000 == 39_999 else 0) for place, byte in enumerate(blob)),
            id="flipped bits",
        ),
    ],
)
def test_a_damaged_cache_is_survived(
    stored: StoredModel, pixels: NDArray, own_cache: Path, damage: Callable[[bytes], bytes]
) -> None:
    expected = Engine.of_model(stored)(pixels)
    (blob,) = (file for file in own_cache.rglob("*") if file.is_file())
    blob.write_bytes(damage(blob.read_bytes()))
    with pytest.warns(UserWarning, match="blob is damaged on the disk"):
        assert np.array_equal(Engine.of_model(stored)(pixels), expected)
    assert np.array_equal(Engine.of_model(stored)(pixels), expected)


def test_a_cache_that_cannot_be_made_is_done_without(
    stored: StoredModel, pixels: NDArray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EYEBRIGHT_CACHE", str(tmp_path / "file" / "cache"))
    assert len(Engine.of_model(stored)(pixels)) == 70


def test_a_cache_that_cannot_be_written_is_done_without(
    stored: StoredModel, pixels: NDArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OutputError("No space left on device")

    monkeypatch.setattr(files, "write_file", full)
    assert len(Engine.of_model(stored)(pixels)) == 70


def with_probabilities(change: Callable[[NDArray], NDArray]) -> Callable[[Golden], Golden]:
    return lambda golden: golden._replace(
        outputs=golden.outputs | {"probabilities": change(golden.outputs["probabilities"])}
    )


def with_prepared(change: Callable[[NDArray], NDArray]) -> Callable[[Golden], Golden]:
    return lambda golden: golden._replace(prepared=change(golden.prepared))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(with_probabilities(lambda rows: rows[:, ::-1].copy()), id="other probabilities"),
        pytest.param(with_probabilities(lambda rows: rows + np.float32(2e-4)), id="a little too far"),
        pytest.param(with_probabilities(lambda rows: rows * np.float32(np.nan)), id="nan"),
        pytest.param(with_probabilities(lambda rows: rows[:, :2].copy()), id="too few classes"),
        pytest.param(with_probabilities(lambda rows: rows[:0]), id="none"),
        pytest.param(with_prepared(lambda pictures: 255 - pictures), id="other pictures"),
        pytest.param(with_prepared(lambda pictures: pictures[:, :8].copy()), id="pictures of another size"),
        pytest.param(with_prepared(lambda pictures: pictures[:0]), id="no pictures"),
        pytest.param(lambda golden: Golden([], golden.prepared[:0], golden.outputs), id="nothing at all"),
    ],
)
def test_a_model_that_contradicts_its_golden_pictures_is_refused(
    stored: StoredModel, altered: Callable, change: Callable[[Golden], Golden]
) -> None:
    model = altered(golden=change(stored.golden()))
    with pytest.raises(ModelError, match="golden images"):
        Engine.of_model(model)


def test_golden_pictures_allow_for_the_rounding_of_another_machine(stored: StoredModel, altered: Callable) -> None:
    golden = stored.golden()
    change = with_probabilities(lambda rows: rows + np.float32(5e-5))
    engine = Engine.of_model(altered(golden=change(golden)))
    assert engine(golden.prepared) == pytest.approx(golden.outputs["probabilities"], abs=1e-6)


@pytest.mark.parametrize("num_classes", [2, 5])
def test_a_graph_for_another_number_of_classes_is_refused(
    stored: StoredModel, altered: Callable, num_classes: int
) -> None:
    network = flowers_cnn(num_classes, input_size=16)
    graph = to_onnx(network, initial_weights(network), answering=Answering()).SerializeToString()
    outputs = Engine.of_bytes(graph).outputs(stored.golden().prepared)
    model = altered(onnx=graph, golden=stored.golden()._replace(outputs=outputs))
    with pytest.raises(ModelError, match=r"network\.onnx|classes"):
        Engine.of_model(model)


@pytest.mark.parametrize("change", [only_batches_of_three, second_input])
def test_a_graph_of_other_inputs_and_outputs_than_a_models_is_refused(
    stored: StoredModel, altered: Callable, change: Callable[[ModelProto], None]
) -> None:
    graph = onnx.load(stored.onnx_path)
    change(graph)
    with pytest.raises(ModelError, match=r"network\.onnx"):
        Engine.of_model(altered(onnx=graph.SerializeToString()))


def test_a_graph_that_reads_other_files_is_refused_though_they_hold_the_right_bytes(
    stored: StoredModel, altered: Callable, tmp_path: Path
) -> None:
    graph = onnx.load(stored.onnx_path)
    weight = next(tensor for tensor in graph.graph.initializer if tensor.name == "dense_2.weight")
    (tmp_path / "outside.bin").write_bytes(weight.raw_data)
    onnx.external_data_helper.set_external_data(weight, "../outside.bin")
    weight.ClearField("raw_data")
    model = altered(onnx=graph.SerializeToString())
    with pytest.raises(ModelError, match=r"stores tensor 'dense_2\.weight' outside the file"):
        Engine.of_model(model)


@pytest.mark.parametrize("content", [b"", b"no ONNX"])
def test_what_is_no_graph_is_refused(altered: Callable, content: bytes) -> None:
    model = altered(onnx=content)
    with pytest.raises(ModelError, match=r"network\.onnx"):
        Engine.of_model(model)


def test_a_graph_of_an_unknown_operator_is_refused(stored: StoredModel, altered: Callable) -> None:
    graph = onnx.load(stored.onnx_path)
    graph.graph.node[-1].op_type = "Softermax"
    model = altered(onnx=graph.SerializeToString())
    with pytest.raises(ModelError, match=r"(?s)network\.onnx does not run.*Softermax"):
        Engine.of_model(model)


def test_a_machine_that_makes_other_pixels_of_a_golden_picture_says_so(stored, monkeypatch):
    prepare = golden.open_picture

    def shifted(source, preparation):
        return np.roll(prepare(source, preparation), 1, axis=1)

    monkeypatch.setattr(golden, "open_picture", shifted)
    with pytest.raises(ModelError, match=r"the golden images differ by \d+ of 255 after preparation"):
        Engine.of_model(stored)


@pytest.mark.skipif(sys.platform != "linux", reason="the stack of signals is set as on Linux")
def test_ctrl_c_is_an_exception_after_two_engines_are_deleted() -> None:
    """OpenVINO would leave a stack for signals that it has freed: the process crashed."""
    program = (
        "import gc, signal, eyebright as eb\n"
        "from eyebright.model.engine import Engine\n"
        "graph = eb.Classifier(eb.zoo.mlp(2, input_size=4), classes=['a', 'b']).to_onnx()\n"
        "first, second = Engine.of_bytes(graph), Engine.of_bytes(graph)\n"
        "del first\ngc.collect()\ndel second\ngc.collect()\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background job ignores it
        "try:\n    signal.raise_signal(signal.SIGINT)\n"
        "except KeyboardInterrupt:\n    print('interrupted')\n"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stdout) == (0, "interrupted\n"), finished.stderr
