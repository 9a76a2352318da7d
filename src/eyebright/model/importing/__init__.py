"""Importing: models that other programs have written, as networks and weights."""
