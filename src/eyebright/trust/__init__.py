"""Can a result be trusted? Metrics with intervals, calibration, and the verdict on a training."""
