"""What was learned, and what it answers."""
