"""The whole platform, as its users have it."""
