"""Network data to a torch module. Importing this imports torch.

One module for each family of layers says which torch module computes them.
"""

from eyebright.network.torch import activations, convolution, dense, inputs, merging, normalization, pooling
from eyebright.network.torch.build import to_torch
from eyebright.network.torch.network import TorchNetwork, as_input
from eyebright.system import machine

machine.yield_when_waiting()  # torch reads the setting when it loads


__all__ = ["TorchNetwork", "as_input", "to_torch"]
