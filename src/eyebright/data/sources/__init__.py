"""Readers of labelled images: one module per format, all behind the interface in `source`."""
