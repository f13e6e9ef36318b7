"""Numbers as pictures of text: shares as bars, samples as sparklines."""

from collections.abc import Iterable, Sequence

from rich.text import Text

TICKS = "▁▂▃▄▅▆▇█"
BAR_WIDTH = 24
_EIGHTHS = " ▏▎▍▌▋▊▉"
UNKNOWN = "·"


def share_bar(percent: float, width: int = BAR_WIDTH, style: str = "green") -> Text:
    """`percent` of the width filled, to an eighth of a character."""
    eighths = round(max(0.0, min(100.0, percent)) / 100 * width * 8)
    full, rest = divmod(eighths, 8)
    filled = "█" * full + (_EIGHTHS[rest] if rest else "")
    return Text.assemble((filled, style), ("░" * (width - len(filled)), "dim"))


def sparkline(values: Sequence[float | None], styles: Iterable[str], ceiling: float | None = None) -> Text:
    """A tick for each value, from 0 to the largest of them and `ceiling`; a dot where there is none."""
    known = [value for value in values if value is not None]
    top = max([*known, ceiling or 0.0], default=0.0)
    text = Text()
    for value, style in zip(values, styles, strict=True):
        text.append(UNKNOWN if value is None else _tick(value, top), style)
    return text


def _tick(value: float, top: float) -> str:
    place = value / top if top > 0 else 0.0
    return TICKS[max(0, min(len(TICKS) - 1, round(place * (len(TICKS) - 1))))]
