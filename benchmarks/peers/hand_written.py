"""ResNet50, DenseNet121 and DenseNet201 as somebody would write them by hand in PyTorch, to measure against.

    python hand_written.py build densenet201
    python hand_written.py step resnet50 --precision bfloat16 --batch-size 16

`build` reports the seconds to construct the tree of modules, `step` the training pictures a second. Both print a line
of JSON. What `eyebright_networks.py` measures is the same, on the same batch, with the same optimizer and precision.
"""

import argparse
import json
import statistics
import time

import torch
from torch import Tensor, nn

from eyebright.system.machine import keep_freed_memory


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1, and the way around them."""

    def __init__(self, inward: int, width: int, stride: int) -> None:
        super().__init__()
        outward = 4 * width
        self.conv1, self.bn1 = nn.Conv2d(inward, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, outward, 1, bias=False), nn.BatchNorm2d(outward)
        self.relu = nn.ReLU(inplace=True)
        self.around: nn.Module = nn.Identity()
        if stride != 1 or inward != outward:
            self.around = nn.Sequential(nn.Conv2d(inward, outward, 1, stride, bias=False), nn.BatchNorm2d(outward))

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + self.around(x))


def resnet50() -> nn.Module:
    """He et al. 2015, the form whose 3x3 convolutions stride."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
    ]
    inward = 64
    for stage, depth in enumerate((3, 4, 6, 3)):
        for index in range(depth):
            layers.append(Bottleneck(inward, 64 << stage, 2 if stage and not index else 1))
            inward = 4 * (64 << stage)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inward, 1000))


class DenseLayer(nn.Module):
    """Everything found before, and thirty-two channels more."""

    def __init__(self, inward: int, growth: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(inward), nn.Conv2d(inward, 4 * growth, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(4 * growth), nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, found: list[Tensor]) -> Tensor:
        y = self.conv1(self.relu(self.norm1(torch.cat(found, 1))))
        return self.conv2(self.relu(self.norm2(y)))


class DenseBlock(nn.Module):
    """So many dense layers, each of which sees all before it."""

    def __init__(self, inward: int, growth: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DenseLayer(inward + index * growth, growth) for index in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        found = [x]
        for layer in self.layers:
            found.append(layer(found))
        return torch.cat(found, 1)


def densenet(depths: tuple[int, ...], growth: int = 32) -> nn.Module:
    """Huang et al. 2016."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
    ]
    inward = 64
    for index, depth in enumerate(depths):
        layers.append(DenseBlock(inward, growth, depth))
        inward += depth * growth
        layers += [nn.BatchNorm2d(inward), nn.ReLU(inplace=True)]
        if index < len(depths) - 1:
            layers += [nn.Conv2d(inward, inward // 2, 1, bias=False), nn.AvgPool2d(2)]
            inward //= 2
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inward, 1000))


NETWORKS = {
    "resnet50": resnet50,
    "densenet121": lambda: densenet((6, 12, 24, 16)),
    "densenet201": lambda: densenet((6, 12, 48, 32)),
}


def step_rate(module: nn.Module, precision: str, batch_size: int, size: int, steps: int) -> float:
    """Pictures a second of whole training steps: both passes and the optimizer."""
    module = module.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(module.parameters(), fused=True)
    pictures = torch.rand(batch_size, 3, size, size).to(memory_format=torch.channels_last)
    labels = torch.randint(0, 1000, (batch_size,))
    seconds = []
    for _ in range(steps + 2):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            logits = module(pictures).float()
        loss = nn.functional.cross_entropy(logits, labels)
        loss.item()
        loss.backward()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    return batch_size / statistics.median(seconds[2:])


def main() -> None:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(description="Time networks written by hand in PyTorch.")
    parser.add_argument("what", choices=("build", "step"))
    parser.add_argument("network", choices=tuple(NETWORKS))
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--steps", type=int, default=5)
    args = parser.parse_args()
    keep_freed_memory()
    torch.manual_seed(0)
    make = NETWORKS[args.network]
    if args.what == "build":
        seconds = []
        for _ in range(5):
            start = time.perf_counter()
            make()
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"peer": "hand", "seconds": statistics.median(seconds)}))
        return
    rate = step_rate(make(), args.precision, args.batch_size, args.size, args.steps)
    print(json.dumps({"peer": "hand", "network": args.network, "pictures_per_second": rate}))


if __name__ == "__main__":
    main()
