"""How fast an error budget burns.

Burn rate = error ratio / (1 - objective): 1 spends just the budget by the end of its period. Formula and the usual
14.4 (2% of a 30-day budget within an hour) from Google's SRE Workbook, chapter 5.
"""


def burn_rate(error_ratio: float, objective: float) -> float:
    """`error_ratio` and `objective` are fractions; the objective is below 1."""
    return error_ratio / (1 - objective)
