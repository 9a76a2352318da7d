"""Why an image was called what it was: maps of what matters for a class, and shortcuts that a network takes."""
