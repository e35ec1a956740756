"""Private parts of keras-tuner's oracles that a journaled sweep needs."""

from typing import Any

import keras_tuner
import numpy as np

# After this many repeated draws, a space counts as exhausted, unless it can be listed.
_MAX_COLLISIONS = 100


class Reseeded(keras_tuner.Oracle):
    """An oracle that is reseeded for every trial, prints nothing, and writes no files.

    keras-tuner draws a trial from a state that depends on all earlier trials, and writes each to a
    file. To be restored from a journal, the draw must depend only on the trial's number. Can go
    once keras-tuner accepts a seed per trial, including 0, and a storage.

    Args:
        seed: >= 0; 0 is a seed like any other.
    """

    def __init__(self, seed: int, space: keras_tuner.HyperParameters, **arguments: Any) -> None:
        self.sweep_seed = seed
        super().__init__(
            objective=keras_tuner.Objective("score", "max"),
            seed=1,  # Otherwise, keras-tuner draws one from Python's generator.
            hyperparameters=space,
            allow_new_entries=False,
            tune_new_entries=False,
            max_consecutive_failed_trials=None,
            **arguments,
        )
        self.verbose = 0
        self.max_trials = None  # The driver counts them.
        self._max_collisions = _MAX_COLLISIONS

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Returns the status and the values of a new trial, as keras-tuner does."""
        self.reseed(trial_id)
        return super().populate_space(trial_id)

    def reseed(self, trial_id: str) -> None:
        """Makes the next draw depend only on the seed and the trial's number."""
        sequence = np.random.SeedSequence([self.sweep_seed, int(trial_id)])
        self._seed_state = int(sequence.generate_state(1)[0])
        self._random_state = np.random.RandomState(self._seed_state)

    def _check_consecutive_failures(self) -> None:
        """Does nothing; keras-tuner's method reads all trials after each trial."""

    def save(self) -> None:
        """Writes nothing."""

    def _save_trial(self, trial: Any) -> None:
        """Writes nothing."""
