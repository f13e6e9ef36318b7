"""The way in for forges: verify, store, answer. What a delivery means is decided later, from the log."""
