"""A multi-layer perceptron on Fashion-MNIST, which is grey: flatten, 128 neurons, 10 logits, 101,770 weights.

EYEBRIGHT_DATA=data python examples/fashion.py [EPOCHS]

`data/fashion/folder` contains one folder of images for each of the ten kinds of clothes. With 90 images of each and 10
epochs you should see a test accuracy between 70 and 85%, lower than the training accuracy, and a prediction for one
image.
"""

import os
import sys
from pathlib import Path

import eyebright as eb
from eyebright.network import Flatten, Input, Linear, Network, Normalize, ReLU

folder = Path(os.environ["EYEBRIGHT_DATA"], "fashion", "folder")
epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 10

pictures = eb.Dataset.from_folder(folder, seed=123)
network = Network.sequential(
    Input((1, 28, 28)),
    Normalize(mean=0, std=255),
    Flatten(),
    Linear(128, initializer="he_normal"),
    ReLU(),
    Linear(len(pictures.classes)),
)
model = eb.Classifier(network, classes=pictures.classes)
print(model.summary())

history = model.fit(pictures, epochs=epochs, flip=False, rotation=0, zoom=0)
for epoch, (training, validation) in enumerate(
    zip(history.accuracy, history.validation_accuracy, strict=True), start=1
):
    print(f"epoch {epoch}: training accuracy {training:.1%}, validation accuracy {validation:.1%}")

test = model.evaluate(pictures.test)
low, high = test.interval
print(f"Test accuracy {test.accuracy:.1%} (95% interval {100 * low:.1f}-{high:.1%})")

picture = sorted(folder.glob("*/*"))[0]
answer = model.predict(picture)
print(f"{picture.parent.name}/{picture.name}: predicted {answer.label} with {answer.confidence:.1%} confidence")
