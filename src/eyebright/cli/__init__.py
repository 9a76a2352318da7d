"""One file for each command: parses, calls, prints."""
