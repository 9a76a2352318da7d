import pytest

from eyebright.network import BatchNorm, Flatten, LayerNorm, LocalContrastNorm, LocalResponseNorm


@pytest.mark.parametrize(
    "layers",
    [
        [BatchNorm(1e-3)],
        [LayerNorm(1e-4)],
        [Flatten(), BatchNorm()],
        [Flatten(), LayerNorm()],
        [LocalResponseNorm(5, 0.5, 0.75, 1.0)],
        [LocalContrastNorm(5, 1.5, 1e-4)],
    ],
)
def test_normalisations_are_those_of_torch(agrees, layers):
    agrees(*layers)
