"""What is built of runs, models and data beyond the class of an image."""
