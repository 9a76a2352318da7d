"""Build a named network as a torch module, or train it for a few steps, and report the time.

    python benchmarks/eyebright_networks.py build densenet201
    python benchmarks/eyebright_networks.py step resnet50 --precision bfloat16 --batch-size 16

Prints one line of JSON. `peers/hand_written.py` does the same with modules written by hand,
`peers/keras_applications.py` with Keras's.
"""

import argparse
import json
import statistics
import time

import torch

from eyebright.network import initial_weights, zoo
from eyebright.network.rewrites import faster
from eyebright.network.torch import TorchNetwork, onednn
from eyebright.system.machine import keep_freed_memory
from peers.hand_written import step_rate


def main() -> None:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(description="Time a named network.")
    parser.add_argument("what", choices=("build", "step"))
    parser.add_argument("network", choices=tuple(zoo.NETWORKS))
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--as-written", action="store_true", help="without the rewrites that make it faster")
    parser.add_argument("--torch-pools", action="store_true", help="without the layout of oneDNN")
    args = parser.parse_args()
    keep_freed_memory()
    if args.torch_pools:
        onednn.usable = lambda: False
    torch.manual_seed(0)
    network = zoo.build(args.network, num_classes=1000, input_size=args.size)
    weights = initial_weights(network)
    if args.what == "build":
        seconds = []
        for _ in range(5):
            start = time.perf_counter()
            TorchNetwork(zoo.build(args.network, num_classes=1000, input_size=args.size), weights)
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"peer": "eyebright", "seconds": statistics.median(seconds)}))
        return
    module = TorchNetwork(network if args.as_written else faster(network), weights)
    rate = step_rate(module, args.precision, args.batch_size, args.size, args.steps)
    print(json.dumps({"peer": "eyebright", "network": args.network, "pictures_per_second": rate}))


if __name__ == "__main__":
    main()
