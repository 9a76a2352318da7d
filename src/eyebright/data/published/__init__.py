"""Published sets of pictures: fetched, checked, unpacked."""
