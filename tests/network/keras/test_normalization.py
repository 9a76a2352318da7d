import pytest

from eyebright.network import (
    BatchNorm,
    Flatten,
    Input,
    LayerNorm,
    LocalContrastNorm,
    LocalResponseNorm,
    Network,
    initial_weights,
)
from eyebright.network.keras import to_keras
from eyebright.system.errors import NetworkError


@pytest.mark.parametrize("layers", [[BatchNorm(1e-3)], [LayerNorm(1e-4)], [Flatten(), BatchNorm()],
                                    [Flatten(), LayerNorm()]])  # fmt: skip
def test_normalisations_are_those_of_torch(agrees, layers):
    agrees(*layers)


def test_the_momentum_of_keras_is_what_stays(agrees):
    assert agrees(BatchNorm(momentum=0.25)).layers[-1].momentum == 0.75


@pytest.mark.parametrize("layer", [LocalResponseNorm(name="own"), LocalContrastNorm(name="own")])
def test_normalisations_over_a_neighbourhood_are_refused_by_name(layer):
    network = Network.sequential(Input((3, 9, 8)), layer)
    with pytest.raises(NetworkError, match=f"{type(layer).__name__} 'own' has no counterpart among Keras's layers"):
        to_keras(network, initial_weights(network))
