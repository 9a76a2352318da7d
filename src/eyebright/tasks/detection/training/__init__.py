"""Views of images, and what a detector learns from them."""
