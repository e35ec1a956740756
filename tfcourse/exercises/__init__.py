"""Checks of a learner's answers to the notebooks' exercises.

    answer = 40
    exercises.check_steps_per_epoch(answer)

An answer of `None` is no answer yet. A wrong one gets a hint, and only a right one the reason.
"""

from tfcourse.exercises.adam import (
    check_adam_averages,
    check_first_step,
    check_uncorrected_first_step,
)
from tfcourse.exercises.averages import (
    check_corrected_average,
    check_momentum_step,
    check_window_beta,
)
from tfcourse.exercises.feedback import Feedback
from tfcourse.exercises.first_program import (
    check_graph,
    check_placeholder,
    check_session,
    check_tensor,
)
from tfcourse.exercises.hyperparameters import (
    check_decayed_rate,
    check_middle_beta,
    check_normalize,
)
from tfcourse.exercises.mini_batches import (
    check_noise_factor,
    check_steps_per_epoch,
    check_theta_update,
)
from tfcourse.exercises.softmax import check_cost, check_one_hot, check_softmax

__all__ = [
    "Feedback",
    "check_adam_averages",
    "check_corrected_average",
    "check_cost",
    "check_decayed_rate",
    "check_first_step",
    "check_graph",
    "check_middle_beta",
    "check_momentum_step",
    "check_noise_factor",
    "check_normalize",
    "check_one_hot",
    "check_placeholder",
    "check_session",
    "check_softmax",
    "check_steps_per_epoch",
    "check_tensor",
    "check_theta_update",
    "check_uncorrected_first_step",
    "check_window_beta",
]
