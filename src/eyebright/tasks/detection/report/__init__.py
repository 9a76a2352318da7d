"""What people look at: boxes on images, mistakes, curves, sheets of an audit, the page of a run."""
