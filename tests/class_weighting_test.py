import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from tests.trained_runs import epochs_of
from tfcourse import batching, datasets, models, optimizers, training
from tfcourse.training import class_weighting

# Ten classes, the first three of them ten times as rare in training as the others.
WEIGHTS = {0: 4.0, 1: 0.25, 2: 0.0}


@pytest.fixture(scope="module")
def data():
    return datasets.load("digits").smaller(200)


def compiled(data):
    training.set_seed(1)
    # Without dropout, whose numbers are drawn otherwise than in Keras.
    model = models.batch_norm_mlp(data.input_shape, data.num_classes, (16,))
    training.compile_classifier(model, optimizers.Adam(0.01))
    return model


def fit(model, data, **arguments):
    arguments = {"epochs": 2, "batch_size": 32, "seed": 1, "verbose": 0, **arguments}
    return training.fit(model, data, **arguments)


def keras_fit(model, data, class_weight):
    batches = epochs_of(data.train, 32, seed=1, num_epochs=2)
    return model.fit(
        batches,
        epochs=2,
        steps_per_epoch=batching.steps_per_epoch(len(data.train), 32),
        validation_data=(data.validation.features, data.validation.labels),
        shuffle=False,
        verbose=0,
        # Keras wants all classes named.
        class_weight={c: class_weight.get(c, 1.0) for c in range(data.num_classes)},
    )


def test_balanced_is_what_scikit_learn_computes():
    labels = np.repeat([0, 1, 3], [7, 2, 1])
    weights = training.balanced_class_weights(labels, 5)
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=labels)
    np.testing.assert_allclose(weights[[0, 1, 3]], expected, rtol=1e-12)
    np.testing.assert_array_equal(weights[[2, 4]], 1)
    # Every class that is there has the same share, and the mean weight is 1.
    assert weights[labels].mean() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("in_memory_steps", [True, False])
def test_training_is_that_of_keras_with_the_same_weights(data, in_memory_steps):
    ours, theirs, plain = compiled(data), compiled(data), compiled(data)
    history = fit(ours, data, class_weight=WEIGHTS, in_memory_steps=in_memory_steps).history
    expected = keras_fit(theirs, data, WEIGHTS).history
    unweighted = fit(plain, data).history
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        np.testing.assert_allclose(history[name], expected[name], rtol=2e-5, atol=1e-6)
    assert abs(history["loss"][0] / unweighted["loss"][0] - 1) > 0.01


def test_a_class_of_no_weight_is_as_if_its_loss_were_not_there(data):
    none = [0.0] * data.num_classes
    model, before = compiled(data), compiled(data)
    fit(model, data, class_weight=none, epochs=1)
    np.testing.assert_array_equal(
        model.get_layer("logits").kernel.numpy(), before.get_layer("logits").kernel.numpy()
    )


def test_trainings_of_other_weights_do_not_share_a_program(data):
    losses = []
    for weights in (None, [2.0] * 10, [2.0] * 10):
        with training.shared_programs():
            losses.append(fit(compiled(data), data, class_weight=weights, epochs=1).history["loss"])
    assert losses[1] == losses[2]
    np.testing.assert_allclose(losses[1][0] / losses[0][0], 2, rtol=0.2)


@pytest.mark.parametrize(
    "weights", [[1.0] * 9, [-1.0] * 10, [np.nan] * 10, [[1.0] * 10], {3: np.inf}]
)
def test_weights_that_make_no_sense_are_refused(weights):
    with pytest.raises(ValueError, match="`class_weight` must be a finite number >= 0 for each"):
        class_weighting.checked(weights, np.arange(10))
