import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from eyebright.network import Conv2d, Input, Network
from eyebright.network.torch import TorchNetwork


def gradients(run, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The outputs, and the gradients of a sum of them with fixed factors."""
    outputs = run(*tensors)
    factors = torch.linspace(-1, 1, outputs.numel(), dtype=torch.float64).view(outputs.shape)
    (outputs.double() * factors.bfloat16().double()).sum().backward()
    return outputs.detach().double(), *(tensor.grad.double() for tensor in tensors)


@settings(deadline=None, max_examples=60)
@given(
    kernel=st.tuples(st.integers(1, 8), st.integers(1, 8)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    spare=st.tuples(st.integers(0, 6), st.integers(0, 6)),
    share=st.floats(0, 0.99),
    channels=st.sampled_from([1, 3, 16]),
)
def test_outputs_and_gradients_in_bfloat16_are_those_of_exact_numbers(kernel, stride, spare, share, channels):
    """With values that bfloat16 has, products are exact in float32, so only sums and results are rounded."""
    random = np.random.default_rng(3)
    padding = int(share * kernel[0]), int(share * kernel[1])
    shape = channels, kernel[0] + spare[0], kernel[1] + spare[1]
    network = Network.sequential(
        Input(shape), Conv2d(channels, kernel, stride, padding, groups=channels, bias=True, name="c")
    )

    def drawn(*size: int) -> torch.Tensor:
        return torch.tensor(random.standard_normal(size)).bfloat16().double()

    images, weight, bias = drawn(2, *shape), drawn(channels, 1, *kernel), drawn(channels)
    module = TorchNetwork(network, {"c.weight": weight.float().numpy(), "c.bias": bias.float().numpy()})
    tensors = dict(module.named_tensors())

    def ours(samples: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return module(samples)

    leaves = images.float().requires_grad_(), tensors["c.weight"], tensors["c.bias"]
    exact = [each.clone().requires_grad_() for each in (images, weight, bias)]
    expected = gradients(lambda *all_: functional.conv2d(*all_, stride, padding, groups=channels), *exact)
    for found, wanted in zip(gradients(ours, *leaves), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0.02, atol=0.02 * float(wanted.abs().max()) + 1e-3)


@pytest.mark.parametrize(("groups", "special"), [(6, True), (3, False), (1, False)])
def test_only_kernels_of_one_channel_each_are_convolved_so(groups, special):
    """The others have fast code in every respect."""
    network = Network.sequential(Input((6, 8, 8)), Conv2d(6, 5, groups=groups, bias=False, name="c"))
    module = TorchNetwork(network, {"c.weight": np.ones((6, 6 // groups, 5, 5), np.float32)})
    with torch.autocast("cpu", torch.bfloat16):
        found = module(torch.ones(2, 6, 8, 8)).grad_fn.name()
    assert (found == "_ConvolveBackward") == special
