"""Save a whole network, its architecture only, its weights only, and copy one layer's weights to another.

python examples/save_and_load.py

You should see that the loaded model predicts the same bit by bit, that a network can be saved as JSON and loaded again,
and that all six tensors of the checkpoint were consumed. It writes a folder `my_model` and a file `ckpt.safetensors`.
"""

import numpy as np

import eyebright as eb
from eyebright.network import Input, Linear, Network, ReLU, layer_from_dict, layer_to_dict


def get_model() -> eb.Model:
    """One dense layer on vectors of 32 numbers."""
    inputs = Input((32,))()
    outputs = Linear(1, name="dense")(inputs)
    return eb.Model(Network(inputs, outputs))


# The whole model, trained by the mean squared error.
random = np.random.default_rng(0)
test_input = random.random((128, 32), np.float32)
test_target = random.random((128, 1), np.float32)
model = get_model()
model.fit(test_input, test_target, epochs=300, learning_rate=0.01, verbose=False)
print(f"mean squared error {np.mean((model.predict(test_input) - test_target) ** 2):.4f}")

model.save("my_model", overwrite=True)
reconstructed = eb.Model.load("my_model")
same = np.array_equal(reconstructed.predict(test_input), model.predict(test_input))
print(f"the loaded model predicts the same bit by bit: {same}")

# The architecture only: a network, or a single layer, as data.
text = model.network.to_json()
print(text)
print(f"the same network from its JSON: {Network.from_json(text) == model.network}")
config = layer_to_dict(Linear(64, name="dense_1"))
print(f"a layer as data: {config}")
print(f"the same layer from its data: {layer_from_dict(config) == Linear(64, name='dense_1')}")

# The weights only.
sequential = Network.sequential(
    Input((784,), name="digits"),
    Linear(64, name="dense_1"),
    ReLU(),
    Linear(64, name="dense_2"),
    ReLU(),
    Linear(10, name="predictions"),
)
first, second = eb.Model(sequential, seed=1), eb.Model(sequential, seed=2)
first.save_weights("ckpt")
report = second.load_weights("ckpt")
report.assert_consumed()
print(report)

# Copy one layer's weights to another with the same shapes, in a functional network.
digits = Input((784,))()
other = eb.Model(Network(digits, Linear(64, name="features")(digits)))
other.layer("features").set_weights(first.layer("dense_1").get_weights())
copied = np.array_equal(other.get_weights()["features.weight"], first.get_weights()["dense_1.weight"])
print(f"features now has the weights of dense_1: {copied}")
