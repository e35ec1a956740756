"""Pictures of runs and of claims; nothing that trains imports them."""

from tfcourse.reports import claims, contours, frameworks, optimizers, softmax, style
from tfcourse.reports.curves import draw_comparison, draw_curves, read_history
from tfcourse.reports.digits import draw_images, draw_prediction
from tfcourse.reports.moving_averages import draw_averages, draw_windows

__all__ = [
    "claims",
    "contours",
    "draw_averages",
    "draw_comparison",
    "draw_curves",
    "draw_images",
    "draw_prediction",
    "draw_windows",
    "frameworks",
    "optimizers",
    "read_history",
    "softmax",
    "style",
]
