"""What a sweep shows: its table while it runs, its files, its page.

`page` and `picture` are imported by their own names: what they need takes seconds to load.
"""

from tfcourse.tuning.report.files import curves_csv, trials_csv, write_hparams
from tfcourse.tuning.report.table import SweepTable

__all__ = ["SweepTable", "curves_csv", "trials_csv", "write_hparams"]
