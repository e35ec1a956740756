"""Pictures of runs; nothing that trains imports them."""

from tfcourse.reports.curves import draw_comparison, draw_curves, read_history
from tfcourse.reports.digits import draw_images, draw_prediction

__all__ = ["draw_comparison", "draw_curves", "draw_images", "draw_prediction", "read_history"]
