"""Payloads as each forge documents them, shortened to the fields that say something, with what may be varied."""
