"""Results for the browser."""
