"""Time the convolutions and matrix products of one training step of a network, and nothing else.

    python conv_limit.py --network flowers_cnn --size 180 --batch-size 32 --classes 5 --precision float32
    python conv_limit.py --network vgg16 --size 224 --batch-size 16 --classes 1000 --precision bfloat16

This is the limit a training loop in torch approaches: each forward product, each weight gradient and each input
gradient (the first layer needs none) is run by itself on channels-last tensors, and their median times are summed.
Prints one line of JSON with the milliseconds per step, the pictures per second they would allow, and the milliseconds
of each part. Expect about 260 pictures per second for the first line on two cores with AVX2, and 600 with AVX-512.
Where the processor has no bfloat16 of its own, that is some fifteen times slower (then take fewer --repetitions).
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator

import torch

from eyebright.network import Conv2d, Linear, Place, zoo
from eyebright.network.torch import to_torch
from eyebright.system.machine import keep_freed_memory


def products(place: Place, batch_size: int, dtype: torch.dtype) -> Iterator[Callable[[], object]]:
    """The forward product and both gradients of a layer."""
    (shape,) = place.input_shapes
    layer = to_torch(place.layer, place)
    weight = random(*layer.weight.shape, dtype=dtype)
    x = random(batch_size, *shape, dtype=dtype)
    grad = random(batch_size, *place.shape, dtype=dtype)
    if isinstance(layer, torch.nn.Linear):
        yield lambda: x @ weight.T
        yield lambda: grad.T @ x
        yield lambda: grad @ weight
        return
    assert isinstance(layer, torch.nn.Conv2d), "padding that differs from side to side has no product of its own"
    padding = list(layer.padding)
    settings = (list(layer.stride), padding, list(layer.dilation), False, [0, 0], layer.groups)
    yield lambda: torch.conv2d(x, weight, None, layer.stride, padding, layer.dilation, layer.groups)
    for wanted in ([False, True, False], [True, False, False]):
        yield lambda wanted=wanted: torch.ops.aten.convolution_backward(grad, x, weight, None, *settings, wanted)


def random(*shape: int, dtype: torch.dtype) -> torch.Tensor:
    """Noise, channels last where there are channels."""
    noise = torch.randn(shape, dtype=dtype)
    return noise.to(memory_format=torch.channels_last) if len(shape) == 4 else noise


def median_milliseconds(product: Callable[[], object], repetitions: int) -> float:
    """Return the median time of one call, after one call to warm up."""
    product()
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        product()
        seconds.append(time.perf_counter() - start)
    return round(1000 * statistics.median(seconds), 3)


def main() -> None:
    """Measure every product and print the sum."""
    parser = argparse.ArgumentParser(description="Time the products of one training step.")
    parser.add_argument("--network", default="flowers_cnn")
    parser.add_argument("--size", type=int, default=180, help="height and width in pixels")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--classes", type=int, default=5)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--repetitions", type=int, default=15)
    args = parser.parse_args()

    keep_freed_memory()
    torch.manual_seed(0)
    network = zoo.build(args.network, num_classes=args.classes, input_size=args.size)
    parts, first = {}, True
    for name, place in network.places.items():
        if isinstance(place.layer, Conv2d | Linear):
            kinds = ("forward", "weight_gradient", "input_gradient")[: 2 if first else 3]
            each = products(place, args.batch_size, getattr(torch, args.precision))
            parts |= {f"{name}_{kind}": median_milliseconds(p, args.repetitions) for kind, p in zip(kinds, each)}  # noqa: B905
            first = False
    step = sum(parts.values())
    report = {
        "peer": "conv_limit",
        "versions": {"torch": torch.__version__},
        "threads": torch.get_num_threads(),
        "network": args.network,
        "precision": args.precision,
        "milliseconds_per_step": round(step, 3),
        "pictures_per_second": round(1000 * args.batch_size / step, 2),
        "parts": parts,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
