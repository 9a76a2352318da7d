"""Reading boxes as labelling tools write them: one module for each format, the same boxes from all."""
