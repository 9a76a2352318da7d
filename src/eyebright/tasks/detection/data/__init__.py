"""Images with boxes: read from the formats of labels, checked, prepared and split."""
