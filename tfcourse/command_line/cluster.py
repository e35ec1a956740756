"""--scheduler and --trial_resources: whose workers train the trials of a sweep."""

import dataclasses
import re

from absl import flags

from tfcourse import hyperparameters as hp

_ADDRESS = re.compile(r"(tcp|tls|ws|wss)://[^\s/]+:[0-9]{1,5}")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """A Dask cluster that runs already, or none.

    Attributes:
        scheduler: address of its scheduler; `None` for processes of this machine.
        resources: `{name: amount}` that a worker must have to be given a trial.
    """

    scheduler: str | None
    resources: dict[str, float]


def from_flags():
    """Returns the `Cluster` that the flags name.

    Raises:
        ValueError: one of them is misspelt; the message names it.
    """
    scheduler, text = flags.FLAGS.scheduler, flags.FLAGS.trial_resources
    if scheduler is not None and not _ADDRESS.fullmatch(scheduler):
        raise ValueError(
            f"--scheduler must be an address such as tcp://10.0.0.1:8786. Received: {scheduler!r}"
        )
    if text is not None and scheduler is None:
        raise ValueError("--trial_resources: only the workers of a --scheduler have resources")
    return Cluster(scheduler, dict(map(_resource, text.split(","))) if text is not None else {})


def _resource(text):
    name, _, amount = text.partition("=")
    try:
        value = hp.decimal(amount)
    except ValueError:
        value = 0.0
    if not (name.isidentifier() and value > 0.0):
        raise ValueError(
            f"--trial_resources must be NAME=AMOUNT, such as GPU=1. Received: {text!r}"
        )
    return name, value
