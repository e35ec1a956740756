"""One claim with two answers: momentum compared with plain descent, on quadratics and on MNIST.

Judged from the numbers of `recipes.claims.optimizers_contours` and `recipes.claims.optimizers`.
"""

from collections.abc import Mapping
from typing import Any

from recipes.claims import harness, judging, optimizers, optimizers_contours


def judge(quadratics: Mapping[str, Any], mnist: Mapping[str, Any]) -> harness.Judged:
    compared = optimizers_contours.quadratics(quadratics) + optimizers.momentum_wins(mnist)
    numbers = {
        "hp": mnist["hp"],
        "quadratics": quadratics["hp"]["quadratics"],
        "gain": optimizers_contours.gain(quadratics["quadratics"]),
        "cases": {each.condition: each.shown["cases won"] for each in compared},
    }
    claim = judging.Claim("cases that momentum wins", compared, precision=0.35)
    return numbers, {"almost_always": claim}
