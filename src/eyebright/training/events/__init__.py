"""The events of a run, as typed records: how it starts, its training, its results. They are its log."""
