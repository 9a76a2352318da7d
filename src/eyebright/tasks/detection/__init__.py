"""Object detection: boxes around what is in an image, with classes.

The rooms are those of the house, in the same order: runs, model, report, training, trust, data; geometry is below all.
"""
