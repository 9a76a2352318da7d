"""Many pictures: where they are, how they are checked, prepared, split and read."""
