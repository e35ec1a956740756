"""A recipe as a program: flags checked before TensorFlow loads, a run directory, an exit code."""

from tfcourse.command_line.exit_codes import UsageError
from tfcourse.command_line.expectations import Expectation
from tfcourse.command_line.latest import run_named
from tfcourse.command_line.options import Options
from tfcourse.command_line.program import run, run_tool
from tfcourse.command_line.streams import aligned

__all__ = ["Expectation", "Options", "UsageError", "aligned", "run", "run_named", "run_tool"]
