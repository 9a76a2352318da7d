"""Models: training and evaluating them, their folders, and prediction."""
