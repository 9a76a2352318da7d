"""Samples and weights of small graphs."""

import numpy as np

RANDOM = np.random.default_rng(0)
SAMPLES = RANDOM.standard_normal((3, 3, 9, 8)).astype(np.float32) * 2
"""As many images as channels: ONNX's reference of LRN counts the former."""


def weights(*shape):
    """Random weights of this shape, float32."""
    return (RANDOM.standard_normal(shape) * 0.5).astype(np.float32)
