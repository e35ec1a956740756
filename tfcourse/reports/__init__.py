"""Pictures of runs; nothing that trains imports them."""

from tfcourse.reports.curves import draw_comparison, draw_curves, read_history

__all__ = ["draw_comparison", "draw_curves", "read_history"]
