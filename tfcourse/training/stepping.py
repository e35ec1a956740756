"""Training to given numbers of steps, for curves by step rather than by epoch."""

import keras
import tensorflow as tf

from tfcourse import batching, schedules
from tfcourse.training.in_memory import InMemorySteps, compiles_with_xla


class Stepping:
    """Takes steps of a compiled Keras model, as `fit` does, and stops where it is told to.

        stepping = Stepping(model, data.train, batch_size=60)
        for step in stepping.run((0, 100, 1000), seed=1):
            print(step, evaluate(model, data.test))

    Between two runs the weights may be set anew with `restart`, and the learning rate with
    `model.optimizer.learning_rate = rate` or a `RateTable`: the program is compiled once.

    Args:
        model: compiled `keras.Model` with the stock `train_step`.
        split: training features and labels as arrays.
        batch_size: int >= 1, or "full".
    """

    def __init__(self, model, split, batch_size):
        size = batching.resolve_batch_size(batch_size, len(split.labels))
        model._symbolic_build(data_batch=(split.features[:size], split.labels[:size]))
        self._model = model
        self._steps = InMemorySteps(
            model, split, size, seed=0, jit_compile=compiles_with_xla(model)
        )
        self._steps_per_epoch = batching.steps_per_epoch(len(split.labels), size)

    def restart(self, weights):
        """Sets the model to `weights`, as of `model.get_weights()`, and the optimizer to its start.

        The learning rate stays; averages of gradients and the count of steps start from 0.
        """
        self._model.set_weights(weights)
        for variable in self._model.optimizer.variables:
            if not variable.path.endswith("learning_rate"):
                variable.assign(tf.zeros_like(variable.value))

    def run(self, stops, seed):
        """Trains from the weights of now; yields each of `stops` when so many steps are done.

        Args:
            stops: ints >= 0 in rising order.
            seed: int; the order of the examples is a pure function of (seed, epoch).
        """
        self._steps.seed = seed
        done = 0
        for stop in stops:
            while done < stop:
                epoch, first = divmod(done, self._steps_per_epoch)
                if first == 0:
                    self._steps.start_epoch(epoch)
                last = min(self._steps_per_epoch, first + int(stop) - done)
                self._steps.train(first, last)
                done += last - first
            yield stop


class RateTable(keras.optimizers.schedules.LearningRateSchedule):
    """The rates of another schedule step by step, to be exchanged without a new program.

    Args:
        num_steps: int >= 1, steps of a training.
    """

    def __init__(self, num_steps):
        self._num_steps = num_steps
        self._rates = tf.Variable(tf.zeros([num_steps]), trainable=False)

    def set_to(self, schedule):
        """Takes over the rates of `schedule`."""
        self._rates.assign(schedules.values(schedule, self._num_steps))

    def __call__(self, step):
        # After the last step the rate is still asked for, though not used.
        return tf.gather(self._rates, tf.minimum(step, self._num_steps - 1))

    def get_config(self):
        return {"num_steps": self._num_steps}
