"""What people look at in a terminal or a picture."""
