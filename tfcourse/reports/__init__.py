"""Pictures of runs and of claims; nothing that trains imports them."""

from tfcourse.reports import claims, style
from tfcourse.reports.curves import draw_comparison, draw_curves, read_history
from tfcourse.reports.digits import draw_images, draw_prediction
from tfcourse.reports.moving_averages import draw_averages, draw_windows

__all__ = [
    "claims",
    "draw_averages",
    "draw_comparison",
    "draw_curves",
    "draw_images",
    "draw_prediction",
    "draw_windows",
    "read_history",
    "style",
]
