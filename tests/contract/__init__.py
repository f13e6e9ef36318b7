"""One suite a port, which each of its adapters runs."""
