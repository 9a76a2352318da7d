"""Why an image was called what it was: maps of what speaks for a class, and shortcuts that a network takes."""
