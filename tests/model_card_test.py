import json

from tfcourse import reports

METRICS = {
    "test_accuracy": 0.9629629629629629,
    "test_loss": 0.12345,
    "test_baseline_accuracy": 0.25,
    "most_frequent_class": "a|b",
    "never_predicted": ["0"],
    "val_accuracy": 0.9777777777777777,
    "val_loss": 0.1,
    "best_epoch": 3,
    "epochs": 5,
    "parameters": 12345,
    "train_examples": 1257,
    "validation_examples": 270,
    "test_examples": 270,
    "dataset": "digits",
    "class_names": ["0", "a|b"],
    "input_shape": [8, 8, 1],
    "origin": "scikit-learn 1.9.1: load_digits",
    "fallback_from": ["mnist"],
    "environment": {
        "tfcourse": "0.1.0",
        "commit": "abc+",
        "python": "3.11.2",
        "versions": {"tensorflow": "2.21.0", "keras": "3.15.1"},
        "cpu": "Some CPU",
        "cores": 2,
        "gpus": [],
    },
}
FLAGS = {
    "model": ["batch_norm_mlp"],
    "hidden_units": ["16,8"],
    "seed": ["1"],
    "dataset": ["digits"],
    "smoke": ["True"],
}
CARD = r"""# mnist_softmax on digits

A classifier of 8 x 8 x 1 values into 2 classes (0, a\|b), with 12,345 parameters. The weights are those of epoch 3 of 5, the best on the validation split.

## Results

| split | examples | accuracy | 95 % interval | loss |
| --- | --- | --- | --- | --- |
| validation | 270 | 97.78 % | 95.24 to 98.98 % | 0.1000 |
| test | 270 | 96.30 % | 93.32 to 97.98 % | 0.1235 |

Always predicting a\|b, the most frequent class of the training split, would be right for 25.00 % of the test examples. The model never predicts 0, although the test split has it.

The epoch was chosen on the validation set, so its number is slightly optimistic; the test set was used once. Wilson's interval shows how much another sample of the same size could differ; it does not include the differences between seeds.

## Data

scikit-learn 1.9.1: load\_digits: 1,257 training, 270 validation, 270 test examples.

## Use and limits

For examples like those of digits, made and prepared in the same way. Other examples get one of the classes too, often with a high probability: the model can't say that it does not know. It was not examined for fairness between groups of people, for robustness or against attacks, and is meant for teaching and comparison.
mnist was requested but not available.
This was a smoke run: it shows that everything works, but the model is not fully trained.

## Hyperparameters

| flag | value |
| --- | --- |
| `--model` | batch\_norm\_mlp |
| `--hidden_units` | 16,8 |
| `--seed` | 1 |

## Environment

tfcourse 0.1.0 (commit abc+), Python 3.11.2, tensorflow 2.21.0, keras 3.15.1; Some CPU, 2 cores, no GPU.
"""  # noqa: E501


def test_the_card_of_a_small_run():
    assert reports.model_card("mnist_softmax", FLAGS, METRICS) == CARD


def test_what_was_left_to_the_recipe_is_shown_with_what_it_took():
    flags = {"model": ["auto"], "epochs": ["0"], "weight_decay": ["auto"], "seed": ["0"]}
    took = {"model": "small_cnn", "epochs": 7, "weight_decay": 60 / 220, "seed": 0}
    card = reports.model_card("classify", flags, {**METRICS, **took})
    assert "| `--model` | auto, which took small\\_cnn |\n" in card
    assert "| `--epochs` | 0, which took 7 |\n" in card
    assert "| `--weight_decay` | auto, which took 0.2727 |\n" in card
    assert "| `--seed` | 0 |\n" in card


def test_it_says_whose_losses_have_smoothed_labels():
    flags = {**FLAGS, "label_smoothing": ["0.1"]}
    card = reports.model_card("mnist_softmax", flags, METRICS)
    assert "\nTraining smoothed its labels by 0.1; these losses use the original labels.\n" in card
    flags["label_smoothing"] = ["0.0"]
    assert "smoothed" not in reports.model_card("mnist_softmax", flags, METRICS)


def test_it_says_how_often_a_continued_run_has_used_the_test_set():
    card = reports.model_card("mnist_softmax", FLAGS, {**METRICS, "continued_from": [2, 3]})
    assert "the test set was used after 2 and 3 and 5 epochs." in card


def test_results_of_no_model_have_no_card():
    assert reports.has_model_card(METRICS)
    assert not reports.has_model_card({"test_accuracy": 0.5})


def test_a_run_has_a_card_with_its_own_numbers(trained_run):
    metrics = json.loads((trained_run / "metrics.json").read_text())
    card = (trained_run / "model_card.md").read_text()
    assert f"| test | 270 | {100 * metrics['test_accuracy']:.2f} % |" in card
    assert f"| `--learning_rate` | {0.01} |" in card
    # Only of hyperparameters that have an effect: it is trained with Adam.
    assert "| `--beta_1` | 0.9 |" in card
    assert "`--beta`" not in card
    assert metrics["environment"]["host"] not in card
