"""What a sweep shows: a table while it runs, its files, its report.

Import `page` and `picture` by their full names: their dependencies take seconds to load.
"""

from tfcourse.tuning.report.files import curves_csv, trials_csv, write_hparams
from tfcourse.tuning.report.table import SweepTable

__all__ = ["SweepTable", "curves_csv", "trials_csv", "write_hparams"]
