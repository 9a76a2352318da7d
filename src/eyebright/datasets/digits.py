"""scikit-learn's 1,797 handwritten digits (8x8 pixels, from the UCI machine learning repository) as pictures."""

from pathlib import Path


def write_digits(folder: Path) -> None:
    """One PNG of 8x8 pixels for each digit, in a folder for each of the ten; what is there already stays."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    for index, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        place = folder / str(label) / f"{index:04d}.png"
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.rint(image * (255 / 16)).astype(np.uint8)).save(place)
