import numpy as np
import pytest
import torch
from torch.nn import functional

from eyebright.network import Conv2d, Input, Network
from eyebright.network.torch import TorchNetwork


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("channels", "groups"), [(1, 1), (4, 4), (16, 16)])
@pytest.mark.parametrize(("kernel", "stride", "width"), [((1, 3), (1, 3), 5), ((2, 4), (1, 2), 5), ((3, 5), (1, 4), 6)])
def test_a_kernel_with_one_position_along_a_side_reads_only_the_image(dtype, channels, groups, kernel, stride, width):
    """oneDNN read beyond it; in bfloat16 also if each of several channels has two kernels."""
    random = np.random.default_rng(9)
    network = Network.sequential(
        Input((channels, 12, width)), Conv2d(2 * channels, kernel, stride, groups=groups, bias=False, name="c")
    )
    weights = {"c.weight": random.standard_normal((2 * channels, 1, *kernel)).astype(np.float32)}
    module = TorchNetwork(network, weights).eval()
    for _ in range(5):
        values = torch.tensor(random.standard_normal((2, 12, width, channels)), dtype=torch.float32).permute(0, 3, 1, 2)
        exact = [tensor.to(dtype).double() for tensor in (values, torch.tensor(weights["c.weight"]))]
        expected = functional.conv2d(*exact, stride=stride, groups=groups)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            found = module(values).double()
        tolerance = 0.03 if dtype == torch.bfloat16 else 1e-5
        torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
