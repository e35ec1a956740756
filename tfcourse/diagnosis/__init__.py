"""Checks that find what keeps a model from training."""

from tfcourse.diagnosis.checks import CHECKS, Check
from tfcourse.diagnosis.diagnosis import Diagnosis, diagnose
from tfcourse.diagnosis.finding import Finding

__all__ = ["CHECKS", "Check", "Diagnosis", "Finding", "diagnose"]
