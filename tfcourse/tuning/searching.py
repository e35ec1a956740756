"""A sweep from Python: the same journal, driver and workers that --sweep uses."""

import pathlib

from tfcourse import hyperparameters as hp
from tfcourse import run_directory
from tfcourse.tuning import journal
from tfcourse.tuning import space as search_space
from tfcourse.tuning.driver import Driver, Plan
from tfcourse.tuning.settings import module_of, settings_of


def search(
    train,
    base,
    folder,
    pool,
    *,
    dataset,
    trials,
    searches=None,
    fixed=(),
    data_dir=None,
    keep_models=0,
    watch=lambda sweep, running: None,
    **settings,
):
    """Searches hyperparameters in `folder`, or goes on with the search that is there.

        with tuning.Workers(2) as pool:
            sweep = tuning.search(
                mnist_softmax.train, MnistSoftmax(epochs=3), "runs/search", pool,
                dataset="digits", trials=12, searches={"learning_rate": "1e-4:1:log"},
            )
        sweep.best.values  # {"learning_rate": ...}

    Args:
        train: function in a module that workers can import; see `settings_of`.
        base: `Hyperparameters`, the values of what is not searched.
        folder: path-like, for the journal and the trials' files.
        pool: `Workers`, which can serve many searches one after another.
        dataset: str, one name as `datasets.load` takes it.
        trials: int >= 1.
        searches: `{name: text}`, axes as --search takes them.
        fixed: names of hyperparameters that are not searched, though they declare a range.
        data_dir: folder that holds the data's files, or `None`.
        keep_models: int >= 0, best trials whose checkpoints stay.
        watch: function of (sweep, running), called whenever something has happened.
        settings: arguments of `settings_of`: tuner, objective, seed, replicates and so on.

    Returns:
        The `sweeps.Sweep`.

    Raises:
        ValueError: an axis does not fit its hyperparameter.
        AllTrialsFailedError: the first trials failed, all for one reason.
    """
    space = search_space.space_of(base, searches, fixed)
    asked = settings_of(train, base, space, dataset=dataset, trials=trials, **settings)
    plan = Plan(data_dir, module_of(train)[1], keep_models)
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with journal.Journal(folder / run_directory.JOURNAL) as records:
        driver = Driver(
            run_directory.RunDirectory(folder), records, hp.declarations(base), asked, plan
        )
        driver.train(pool, watch)
    return driver.sweep
