"""The flower classifier, twice: without augmentation and dropout, and with both.

EYEBRIGHT_DATA=data python examples/flowers.py [EPOCHS]

`data/flowers` contains one folder of photos for each kind of flower. You should see that without augmentation the
training accuracy becomes much higher than the validation accuracy, and that with it the two stay close. The two runs,
each with its `curves.png`, are saved in `plain_run` and `augmented_run`. 15 epochs on 4,000 photos take minutes; try 2
first.
"""

import os
import sys
from pathlib import Path

import eyebright as eb
from eyebright.network import Conv2d, Dropout, Flatten, Input, Linear, MaxPool2d, Network, Normalize, ReLU


def flower_network(num_classes: int, *, dropout: float) -> Network:
    """A convolution and a pool three times, then two dense layers."""
    return Network.sequential(
        Input((3, 180, 180)),
        Normalize(mean=0, std=255),
        Conv2d(16, 3, padding="same"),
        ReLU(),
        MaxPool2d(2),
        Conv2d(32, 3, padding="same"),
        ReLU(),
        MaxPool2d(2),
        Conv2d(64, 3, padding="same"),
        ReLU(),
        MaxPool2d(2),
        Dropout(dropout),
        Flatten(),
        Linear(128, initializer="he_normal"),
        ReLU(),
        Linear(num_classes),
    )


folder = Path(os.environ["EYEBRIGHT_DATA"], "flowers")
epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 15

pictures = eb.Dataset.from_folder(folder, seed=123)
print(f"{len(pictures):,} images of {', '.join(pictures.classes)}")

plain = eb.Settings(epochs=epochs, flip=False, rotation=0, zoom=0)
augmented = eb.Settings(epochs=epochs, flip=True, rotation=0.1, zoom=0.1)
for name, settings, dropout in (("plain", plain, 0.0), ("augmented", augmented, 0.2)):
    network = flower_network(len(pictures.classes), dropout=dropout)
    result = eb.train(pictures, f"{name}_run", network=network, settings=settings, overwrite=True)
    history = result.classifier.history
    print(
        f"{name}: training accuracy {history.accuracy[-1]:.1%}, validation accuracy "
        f"{history.validation_accuracy[-1]:.1%}, test accuracy {result.test.accuracy:.1%}"
    )

model = eb.load("augmented_run")
photo = sorted(folder.glob("*/*"))[-1]
answer = model.predict(photo)
print(f"This image most likely belongs to {answer.label} with a {100 * answer.confidence:.2f} percent confidence.")
