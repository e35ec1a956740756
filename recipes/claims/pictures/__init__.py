"""The pictures of the claims; each is drawn by the recipe that measures it."""

from recipes.claims.pictures import contours, frameworks, optimizers, softmax
from recipes.claims.pictures.batch_norms import (
    draw_inputs,
    draw_lag,
    draw_paper,
    draw_shifts,
    draw_usable_rates,
)
from recipes.claims.pictures.batch_sizes import draw_costs, draw_noise, draw_passes
from recipes.claims.pictures.decays import draw_decays
from recipes.claims.pictures.moving_averages import draw_averages, draw_windows
from recipes.claims.pictures.searches import draw_errors, draw_importances, draw_searches

__all__ = [
    "contours",
    "draw_averages",
    "draw_costs",
    "draw_decays",
    "draw_errors",
    "draw_importances",
    "draw_inputs",
    "draw_lag",
    "draw_noise",
    "draw_paper",
    "draw_passes",
    "draw_searches",
    "draw_shifts",
    "draw_usable_rates",
    "draw_windows",
    "frameworks",
    "optimizers",
    "softmax",
]
