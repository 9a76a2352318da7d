"""Is an answer to be believed? Metrics with intervals, calibration, the verdict."""
