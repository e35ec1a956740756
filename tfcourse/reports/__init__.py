"""Pictures of runs and of claims; nothing that trains imports them.

`sweep_report` and `live` are imported by their own names: what they need takes seconds to load.
"""

from tfcourse.reports import claims, contours, frameworks, optimizers, softmax, style
from tfcourse.reports.batch_norms import (
    draw_inputs,
    draw_lag,
    draw_paper,
    draw_shifts,
    draw_usable_rates,
)
from tfcourse.reports.batch_sizes import draw_costs, draw_noise
from tfcourse.reports.calibration import draw_calibration
from tfcourse.reports.curves import draw_comparison, draw_curves, draw_history, read_history
from tfcourse.reports.decays import draw_decays
from tfcourse.reports.digits import draw_images, draw_prediction
from tfcourse.reports.learning_rate import draw_learning_rate_curve
from tfcourse.reports.lines import draw_lines
from tfcourse.reports.model_card import is_classifier, model_card
from tfcourse.reports.moving_averages import draw_averages, draw_windows
from tfcourse.reports.searches import draw_errors, draw_importances, draw_searches
from tfcourse.reports.source_code import show_code
from tfcourse.reports.sweep_files import curves_csv, trials_csv, write_hparams
from tfcourse.reports.sweep_table import SweepTable

__all__ = [
    "SweepTable",
    "claims",
    "contours",
    "curves_csv",
    "draw_averages",
    "draw_calibration",
    "draw_comparison",
    "draw_costs",
    "draw_curves",
    "draw_decays",
    "draw_errors",
    "draw_history",
    "draw_images",
    "draw_importances",
    "draw_inputs",
    "draw_lag",
    "draw_learning_rate_curve",
    "draw_lines",
    "draw_noise",
    "draw_paper",
    "draw_prediction",
    "draw_searches",
    "draw_shifts",
    "draw_usable_rates",
    "draw_windows",
    "frameworks",
    "is_classifier",
    "model_card",
    "optimizers",
    "read_history",
    "show_code",
    "softmax",
    "style",
    "trials_csv",
    "write_hparams",
]
