"""Training a detector in torch."""
