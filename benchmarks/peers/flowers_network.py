"""The course notes' flower network in Keras, the one network every Keras script of this folder uses.

Source: shared/course-notes.md, "鲜花示例" (the flower example); nothing to run here.
"""

from quiet_keras import keras


def flowers_network(*, size_px: int, num_classes: int, augment: bool) -> keras.Model:
    """Build and compile the notes' network for RGB pictures (N, size_px, size_px, 3) in 0-255.

    Args:
        size_px: height and width of the pictures.
        num_classes: length of the logits.
        augment: the notes' second version, with flip, rotation and zoom before and dropout 0.2 after the convolutions.
    """
    layers = keras.layers
    network = keras.Sequential([keras.Input((size_px, size_px, 3))])
    if augment:
        network.add(layers.RandomFlip("horizontal"))
        network.add(layers.RandomRotation(0.1))
        network.add(layers.RandomZoom(0.1))
    network.add(layers.Rescaling(1.0 / 255))
    for filters in (16, 32, 64):
        network.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        network.add(layers.MaxPooling2D())
    if augment:
        network.add(layers.Dropout(0.2))
    network.add(layers.Flatten())
    network.add(layers.Dense(128, activation="relu"))
    # The loss needs float32 logits; under the float32 policy this changes nothing.
    network.add(layers.Dense(num_classes, dtype="float32"))
    network.compile(
        optimizer="adam",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return network
