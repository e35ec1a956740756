"""Checks whether a model's outputs are logits or probabilities, as its loss expects."""

from typing import Any

import keras

from tfcourse.training.keras_internals import last_layer

_LOSSES = (
    keras.losses.SparseCategoricalCrossentropy,
    keras.losses.CategoricalCrossentropy,
    keras.losses.CategoricalFocalCrossentropy,
    keras.losses.BinaryCrossentropy,
)
_FUNCTIONS = (
    keras.losses.sparse_categorical_crossentropy,
    keras.losses.categorical_crossentropy,
    keras.losses.binary_crossentropy,
)


def takes_logits(loss: Any) -> bool | None:
    """Returns whether a loss applies the softmax or sigmoid itself; `None` if it does not say."""
    # Only the configuration of a loss says it in every version of Keras.
    config = loss.get_config() if isinstance(loss, keras.losses.Loss) else {}
    return getattr(loss, "from_logits", config.get("from_logits"))


def check_outputs(model: keras.Model, *, of_recipe: bool) -> None:
    """Raises an error if logits are certainly treated as probabilities, or the reverse.

    Args:
        model: built `keras.Model`.
        of_recipe: whether its recipe will use it, which applies the softmax itself.

    Raises:
        ValueError: names the layer, the loss and the remedy.
    """
    loss, layer = getattr(model, "loss", None), last_layer(model)
    names = [function.__name__ for function in _FUNCTIONS]
    is_known = isinstance(loss, _LOSSES) or loss in _FUNCTIONS
    if layer is None or not (is_known or (type(loss) is str and loss in names)):
        return
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    activation = getattr(layer, "activation", None)
    is_softmax = type(layer).__name__ == "Softmax" or activation is keras.activations.softmax
    is_sigmoid = activation is keras.activations.sigmoid
    is_linear = isinstance(layer, keras.layers.Dense) and activation is keras.activations.linear
    if takes_logits(loss):
        if is_softmax or is_sigmoid:
            kind = "softmax" if is_softmax else "sigmoid"
            raise ValueError(
                f"{model.name}: its last layer, {layer.name}, is a {kind}, and the loss {name} "
                f"with from_logits=True applies another. Leave that layer's {kind} out."
            )
    elif is_linear:
        raise ValueError(
            f"{model.name}: its last layer, {layer.name}, returns logits, which the loss {name} "
            "takes for probabilities. Compile it with from_logits=True, as "
            "`training.compile_classifier` does."
        )
    elif is_softmax and of_recipe:
        raise ValueError(
            f"{model.name}: its last layer, {layer.name}, is a softmax, and whatever uses a run "
            "applies another. A recipe's model returns logits: leave the softmax out and compile "
            "it with `training.compile_classifier`."
        )
