"""What --find_learning_rate does: a short run, a picture and suggestions."""

from typing import TYPE_CHECKING, Any, Literal

from tfcourse import datasets
from tfcourse.choices import SCHEDULES
from tfcourse.hyperparameters import Hyperparameters
from tfcourse.run_directory import RunDirectory

if TYPE_CHECKING:
    import keras


def find(
    model: "keras.Model",
    hyperparameters: Hyperparameters,
    data: datasets.Dataset,
    batch_size: int | Literal["full"],
    seed: int,
    run: RunDirectory,
) -> dict[str, Any]:
    """Replaces a recipe's `main` with --find_learning_rate."""
    from tfcourse import reports, training

    curve = training.find_learning_rate(model, data, batch_size=batch_size, seed=seed)
    picture = run.path / "learning_rate.png"
    reports.draw_learning_rate_curve(curve, picture)
    if curve.suggestion is None:
        print(f"The loss did not fall at any learning rate: see {picture}")
        return {"dataset": data.name}
    print(f"Suggested: --learning_rate={curve.suggestion:.2g}; {picture} shows why")
    others = {rule: rate for rule, rate in curve.suggestions.items() if rule != "steep"}
    if others:
        told = ", ".join(f"{rule} {rate:.2g}" for rule, rate in others.items())
        print(f"It is where the loss falls most steeply; fastai's other rules say {told}")
    schedule = getattr(hyperparameters, "schedule", "")
    if schedule in SCHEDULES and SCHEDULES[schedule].warms_up:
        print(f"It is safe as a constant rate; the peak of {schedule} may be 10 times as high")
    return {
        "suggested_learning_rate": curve.suggestion,
        "suggestions": dict(curve.suggestions),
        "dataset": data.name,
    }
