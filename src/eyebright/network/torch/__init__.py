"""Networks as torch modules. Importing this imports torch.

Each family of layers has a module with the torch modules that compute it.
"""

from eyebright.system import machine

machine.yield_when_waiting()  # before torch is imported, which reads the setting

from eyebright.network.torch import activations, basic, convolution, normalization, pooling  # noqa: E402
from eyebright.network.torch.network import TorchNetwork, as_input, to_torch  # noqa: E402

__all__ = ["TorchNetwork", "as_input", "to_torch"]
