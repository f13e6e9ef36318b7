"""A gateway over real servers."""
