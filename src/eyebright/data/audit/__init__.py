"""Is anything wrong with the pictures? Duplicates, groups, wrong labels, outliers."""
