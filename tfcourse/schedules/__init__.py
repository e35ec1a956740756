"""Learning-rate schedules: the course's three decays, warm-up, cosine and one cycle.

A schedule maps the step, counted from 0, to a learning rate; epochs are converted to steps when it
is built. All of them are elementwise, so that an array of steps gives the curve (see `values`).
"""

from tfcourse.schedules.building import SCHEDULES, build, values
from tfcourse.schedules.constant import Constant
from tfcourse.schedules.cosine import CosineDecay
from tfcourse.schedules.cycled_momentum import CycledMomentum
from tfcourse.schedules.epoch_decay import EpochDecay
from tfcourse.schedules.exponential import ExponentialDecay
from tfcourse.schedules.inverse_time import InverseTimeDecay
from tfcourse.schedules.one_cycle import OneCycle
from tfcourse.schedules.root import RootDecay
from tfcourse.schedules.schedule import Rates, Schedule, Steps, Training
from tfcourse.schedules.warm_up import WarmUp

__all__ = [
    "SCHEDULES",
    "Constant",
    "CosineDecay",
    "CycledMomentum",
    "EpochDecay",
    "ExponentialDecay",
    "InverseTimeDecay",
    "OneCycle",
    "Rates",
    "RootDecay",
    "Schedule",
    "Steps",
    "Training",
    "WarmUp",
    "build",
    "values",
]
