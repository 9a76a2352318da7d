"""The ground: errors, files, cache, downloads, records, machine, text."""
