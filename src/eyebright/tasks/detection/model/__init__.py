"""The detector and its folder, and what is done with it: find, evaluate, cut out, name, export."""
