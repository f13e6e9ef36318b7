"""`python3 service apples=3 pears=2` prints the total."""

import sys

from prices import total

items = {name: int(count) for name, count in (word.split("=") for word in sys.argv[1:])}
cents = total(items)
print(f"total {cents // 100}.{cents % 100:02}")
