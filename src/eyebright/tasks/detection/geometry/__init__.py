"""Boxes as numbers: their overlap, their place in the square that a network sees, and how its maps give them."""
