"""Names of the API's own headers, for both sides of it."""

CONSISTENCY_HEADER = "Sealane-Consistency"
