"""Is anything wrong with a data set? Duplicates, groups, wrong labels, images that stand out."""
