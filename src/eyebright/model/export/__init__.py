"""Exports: a model in the formats of other programs, each proven to answer as the model does."""
