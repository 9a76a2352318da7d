"""Network data to a torch module. Importing this imports torch."""

from eyebright import machine

machine.yield_when_waiting()

from eyebright.modules.build import TorchNetwork, as_input, to_torch  # noqa: E402 - torch reads the setting when it loads

__all__ = ["TorchNetwork", "as_input", "to_torch"]
