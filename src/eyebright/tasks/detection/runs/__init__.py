"""The whole way of a training, and its continuation."""
