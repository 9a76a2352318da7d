"""Network data to a torch module. Importing this imports torch."""

from eyebright.modules.build import TorchNetwork, as_input, to_torch

__all__ = ["TorchNetwork", "as_input", "to_torch"]
