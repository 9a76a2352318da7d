"""Inside a network: its layers and their receptive fields, a convolution's kernels, and activations for an image.

python examples/looking_inside.py

You should see the table of the layers, the kernels of the first convolution as numbers, the mean of each feature map
for a golden disc, and that a value of conv_2 depends on 8 x 8 pixels: it does not change if all others become white. To
draw kernels and feature maps: `eyebright inspect flowers_run --kernels conv_1 -o kernels.png`.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import eyebright as eb
from eyebright.model import inspect

subject = inspect.load_network("flowers_cnn", size=64)  # or a model folder, a run, a network in a JSON file
print(eb.Model(subject.network, subject.weights()).summary())

picture = Path("disc.png")
drawing = Image.new("RGB", (64, 64), "darkgreen")
ImageDraw.Draw(drawing).ellipse((16, 16, 48, 48), fill="gold")
drawing.save(picture)

kernels = inspect.kernels(subject, "conv_1")
print(f"\nconv_1 has {len(kernels)} kernels of shape {kernels.shape[1:]}; the weights of the first one for red are")
print(np.round(kernels[0, 0], 2))

pixels, maps = inspect.activations(subject, picture, "relu_1")
print(f"\nfor an image {pixels.shape}, relu_1 gives {len(maps)} feature maps {maps.shape[1:]}; their means are")
print(np.round(maps.mean(axis=(1, 2)), 1))

# The receptive field. The value at (10, 10) of conv_2 comes after one pool: it is centred on pixels 20 and 21.
part = subject.network.up_to("conv_2")
model = eb.Model(part, {name: subject.weights()[name] for name in part.tensors})
hidden = np.full_like(pixels, 255)
hidden[17:25, 17:25] = pixels[17:25, 17:25]
before, after = (model.predict(image[None])[0] for image in (pixels, hidden))
same, neighbour = (np.allclose(before[:, 10, x], after[:, 10, x], atol=1e-3) for x in (10, 11))
print(f"\nwith everything else white, that value is the same: {same}; its neighbour is the same: {neighbour}")
