"""Load a .keras model and ask it about one picture, as the notes do; the bench times the whole process from outside.

    python keras_predict.py MODEL.keras PICTURE

Prints one line of JSON with the index of the likeliest class and its confidence in 0-1. Expect about 3.6 seconds from
start to end on two cores, nearly all of it importing TensorFlow.
"""

import argparse
import json

import numpy as np
from quiet_keras import keras


def main() -> None:
    """Predict the one picture and print the answer."""
    parser = argparse.ArgumentParser(description="Predict one picture with Keras.")
    parser.add_argument("model", help="a .keras file (keras_make_model.py writes one)")
    parser.add_argument("picture", help="a picture file")
    args = parser.parse_args()

    network = keras.models.load_model(args.model)
    image = keras.utils.load_img(args.picture, target_size=network.input_shape[1:3])
    images = np.expand_dims(keras.utils.img_to_array(image), 0)  # (1, height, width, 3)
    logits = network.predict(images, verbose=0)  # (1, num_classes)
    probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(logits[0]))
    label = int(probabilities.argmax())
    print(json.dumps({"peer": "keras", "label_index": label, "confidence": float(probabilities[label])}))


if __name__ == "__main__":
    main()
