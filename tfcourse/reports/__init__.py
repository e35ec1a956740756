"""Pictures of runs, and the model card; nothing that trains imports them.

Import `live` by its full name: its dependencies take seconds to load.
"""

from tfcourse.reports import style
from tfcourse.reports.augmented import draw_augmented
from tfcourse.reports.calibration import draw_calibration
from tfcourse.reports.confusion import draw_confusion
from tfcourse.reports.curves import draw_comparison, draw_curves, draw_history, read_history
from tfcourse.reports.digits import draw_images, draw_prediction
from tfcourse.reports.errors import draw_errors
from tfcourse.reports.learning_rate import draw_learning_rate_curve
from tfcourse.reports.lines import draw_lines
from tfcourse.reports.model_card import has_model_card, model_card
from tfcourse.reports.source_code import show_code

__all__ = [
    "draw_augmented",
    "draw_calibration",
    "draw_comparison",
    "draw_confusion",
    "draw_curves",
    "draw_errors",
    "draw_history",
    "draw_images",
    "draw_learning_rate_curve",
    "draw_lines",
    "draw_prediction",
    "has_model_card",
    "model_card",
    "read_history",
    "show_code",
    "style",
]
