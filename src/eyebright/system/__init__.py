"""What all other rooms use: errors, files, cache, downloads, records, machine, progress, text."""
