"""Ask an ONNX model about one picture with ONNX Runtime and nothing else: a yardstick for `eyebright predict`.

    python onnxruntime_predict.py MODEL.onnx PICTURE --size 180

The model takes uint8 pictures (N, size, size, 3) and gives class probabilities (N, num_classes), as eyebright's do.
Prints one line of JSON with the index of the likeliest class and its confidence; the bench times the whole process from
outside. Expect about 0.23 seconds from start to end on two cores.
"""

import argparse
import json

import numpy as np
import onnxruntime
from PIL import Image


def main() -> None:
    """Predict the one picture and print the answer."""
    parser = argparse.ArgumentParser(description="Predict one picture with ONNX Runtime.")
    parser.add_argument("model", help="an .onnx file")
    parser.add_argument("picture", help="a picture file")
    parser.add_argument("--size", type=int, default=180, help="height and width in pixels")
    args = parser.parse_args()

    session = onnxruntime.InferenceSession(args.model, providers=["CPUExecutionProvider"])
    with Image.open(args.picture) as file:
        image = file.convert("RGB").resize((args.size, args.size), Image.Resampling.BILINEAR)
    images = np.asarray(image)[np.newaxis]  # (1, size, size, 3)
    probabilities = session.run(None, {session.get_inputs()[0].name: images})[0][0]  # (num_classes,)
    label = int(probabilities.argmax())
    print(json.dumps({"peer": "onnxruntime", "label_index": label, "confidence": float(probabilities[label])}))


if __name__ == "__main__":
    main()
