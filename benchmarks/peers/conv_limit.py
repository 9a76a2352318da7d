"""Time the convolutions and matrix products of one training step of the notes' network, and nothing else.

    python conv_limit.py --size 180 --batch-size 32 --classes 5 --precision float32

This is the limit a training loop in torch approaches: each forward product, each weight gradient and each input
gradient (the first layer needs none) is run by itself on channels-last tensors, and their median times are summed.
Prints one line of JSON with the milliseconds per step, the pictures per second they would allow, and the milliseconds
of each part. Expect about 260 pictures per second in float32 on two cores with AVX2. Where the processor has no
bfloat16 of its own, that is some fifteen times slower (then take fewer --repetitions).
"""

import argparse
import ctypes
import json
import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import torch

CHANNELS = (3, 16, 32, 64)
HIDDEN = 128


def conv_products(batch: int, size: int, dtype: torch.dtype) -> dict[str, Callable[[], object]]:
    """Prepare the products of the three 3x3 convolutions, each at half the size of the one before."""

    def tensor(*shape: int) -> torch.Tensor:
        return torch.randn(shape, dtype=dtype).to(memory_format=torch.channels_last)

    products: dict[str, Callable[[], object]] = {}
    for index, (inward, outward) in enumerate(pairwise(CHANNELS)):
        side = size >> index
        x, weight = tensor(batch, inward, side, side), tensor(outward, inward, 3, 3)
        grad = tensor(batch, outward, side, side)

        def gradient(wanted: list[bool], x=x, weight=weight, grad=grad) -> object:
            return torch.ops.aten.convolution_backward(
                grad, x, weight, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, wanted
            )

        name = f"conv{index + 1}"
        products[f"{name}_forward"] = lambda x=x, weight=weight: torch.conv2d(x, weight, padding=1)
        products[f"{name}_weight_gradient"] = lambda gradient=gradient: gradient([False, True, False])
        if index > 0:
            products[f"{name}_input_gradient"] = lambda gradient=gradient: gradient([True, False, False])
    return products


def dense_products(batch: int, size: int, classes: int, dtype: torch.dtype) -> dict[str, Callable[[], object]]:
    """Prepare the products of the two dense layers after the last pooling."""
    widths = (CHANNELS[-1] * (size >> 3) ** 2, HIDDEN, classes)
    products: dict[str, Callable[[], object]] = {}
    for index, (inward, outward) in enumerate(pairwise(widths)):
        x, weight, grad = (torch.randn(s, dtype=dtype) for s in ((batch, inward), (outward, inward), (batch, outward)))
        name = f"dense{index + 1}"
        products[f"{name}_forward"] = lambda x=x, weight=weight: x @ weight.T
        products[f"{name}_weight_gradient"] = lambda x=x, grad=grad: grad.T @ x
        products[f"{name}_input_gradient"] = lambda weight=weight, grad=grad: grad @ weight
    return products


def keep_freed_memory() -> None:
    """Have glibc reuse large blocks; fresh ones cost page faults, for conv1's output more than its convolution."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        m_trim_threshold, m_mmap_max = -1, -4  # malloc.h
        mallopt(m_trim_threshold, 2**31 - 1)
        mallopt(m_mmap_max, 0)


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
    parser.add_argument("--size", type=int, default=180, help="height and width in pixels")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--classes", type=int, default=5)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--repetitions", type=int, default=15)
    args = parser.parse_args()

    keep_freed_memory()
    torch.manual_seed(0)
    dtype = getattr(torch, args.precision)
    products = conv_products(args.batch_size, args.size, dtype)
    products |= dense_products(args.batch_size, args.size, args.classes, dtype)
    parts = {name: median_milliseconds(product, args.repetitions) for name, product in products.items()}
    step = sum(parts.values())
    report = {
        "peer": "conv_limit",
        "versions": {"torch": torch.__version__},
        "threads": torch.get_num_threads(),
        "precision": args.precision,
        "milliseconds_per_step": round(step, 3),
        "pictures_per_second": round(1000 * args.batch_size / step, 2),
        "parts": parts,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
