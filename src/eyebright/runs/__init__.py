"""A run, from the request to the model."""
