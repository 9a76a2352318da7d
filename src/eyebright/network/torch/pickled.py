"""A program that converts a pickled state dict to safetensors:

    python -m eyebright.network.torch.pickled WEIGHTS.pth WEIGHTS.safetensors

`weights_only=True` unpickles only tensors and plain containers. It is a separate program so that even a bug in the
unpickler cannot affect the user's process.
"""

import pickle
import re
import sys
from collections.abc import Mapping

import torch
from safetensors.torch import save_file

_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")  # before torchvision 0.3: norm.1.weight


def main() -> None:
    """Convert the file given on the command line."""
    source, target = sys.argv[1:]
    try:
        tensors = _state_dict(torch.load(source, map_location="cpu", weights_only=True))
    except pickle.UnpicklingError:
        sys.exit("it contains other objects than tensors, which may run code: ask for the weights as safetensors")
    except Exception as problem:  # broken bytes cause many types of errors
        reason = (str(problem).strip() or type(problem).__name__).splitlines()[0]
        sys.exit(f"it is damaged, or is not a PyTorch file ({reason})")
    if not tensors:
        sys.exit("it contains no named tensors, expected a state dict")
    save_file(tensors, target)


def _state_dict(found: object) -> dict[str, torch.Tensor]:
    """The tensors by name, also if they are nested, as in a checkpoint."""
    if not isinstance(found, Mapping):
        return {}
    for key in ("state_dict", "model"):
        if isinstance(found.get(key), Mapping):
            return _state_dict(found[key])
    return {
        _OLD_DENSENET.sub(r"\1\2", str(name)): tensor.detach().float().contiguous().clone()
        for name, tensor in found.items()
        if isinstance(tensor, torch.Tensor)
    }


if __name__ == "__main__":
    main()
