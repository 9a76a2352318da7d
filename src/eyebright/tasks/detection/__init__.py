"""Object detection: boxes around what is in an image, with classes."""
