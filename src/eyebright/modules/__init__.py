"""Network data to a torch module. Importing this imports torch.

One module for each family of layers says which torch module computes them.
"""

from eyebright import machine

machine.yield_when_waiting()  # torch reads the setting when it loads

from eyebright.modules import activations, convolution, dense, inputs, merging, normalization, pooling  # noqa: E402, F401
from eyebright.modules.build import to_torch  # noqa: E402
from eyebright.modules.network import TorchNetwork, as_input  # noqa: E402

__all__ = ["TorchNetwork", "as_input", "to_torch"]
