"""What goes out to subscribers."""
