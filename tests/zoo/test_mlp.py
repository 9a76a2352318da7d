from eyebright import zoo


def test_parameters_are_those_of_keras_on_fashion_mnist():
    """Keras's Flatten, Dense 128, Dense 10 on 28x28 grey pictures: 101,770."""
    assert zoo.mlp(channels=1).parameter_count == 101_770


def test_three_channels_triple_the_first_layer():
    assert zoo.mlp().parameter_count == (3 * 784 * 128 + 128) + (128 * 10 + 10)


def test_layers_are_flatten_dense_relu_dense():
    assert [type(place.layer).__name__ for place in zoo.mlp().places.values()] == [
        *("Input", "Normalize", "Flatten", "Linear", "ReLU", "Linear")
    ]


def test_hidden_neurons_start_as_he_says():
    assert [zoo.mlp().layer(name).initializer for name in ("dense_1", "dense_2")] == ["he_normal", "glorot_uniform"]
