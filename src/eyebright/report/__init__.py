"""What people look at: terminal progress, tables, figures. Reads events and results, decides nothing."""
