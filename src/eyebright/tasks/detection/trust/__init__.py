"""How far a detector can be trusted: its figures, confidences, thresholds and verdicts."""
