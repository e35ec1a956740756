import random

from dask import sizeof

from tfcourse.tuning import dask_internals


def test_dask_leaves_the_generator_that_trials_seed_alone():
    dask_internals.keep_random_from_dask()
    random.seed(1)
    sizeof.sizeof({f"name {number}": number for number in range(1000)})
    assert random.random() == random.Random(1).random()
