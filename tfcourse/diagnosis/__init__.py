"""A doctor for a training that does not train: the checks that experienced people do by hand."""

from tfcourse.diagnosis.checks import CHECKS, Check
from tfcourse.diagnosis.diagnosis import Diagnosis, diagnose
from tfcourse.diagnosis.finding import Finding

__all__ = ["CHECKS", "Check", "Diagnosis", "Finding", "diagnose"]
