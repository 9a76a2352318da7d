"""Published image sets: downloaded, checked and unpacked by name."""
