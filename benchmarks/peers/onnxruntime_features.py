"""Features a second that ONNX Runtime computes of 224x224 noise in batches of 32: onnxruntime_features.py GRAPH."""

import json
import sys
import time

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
pictures = np.random.default_rng(0).integers(0, 256, (32, 224, 224, 3), np.uint8)
feed, seconds = {session.get_inputs()[0].name: pictures}, []
for _ in range(12):
    start = time.perf_counter()
    session.run(None, feed)
    seconds.append(time.perf_counter() - start)
print(json.dumps({"per_second": 32 / float(np.median(seconds[2:]))}))
