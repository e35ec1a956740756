"""Whether a model's outputs are what its loss, and whoever uses the model, take them for."""

import keras

from tfcourse.training.keras_internals import last_layer

_LOSSES = (
    keras.losses.SparseCategoricalCrossentropy,
    keras.losses.CategoricalCrossentropy,
    keras.losses.CategoricalFocalCrossentropy,
)
_NAMES = ("sparse_categorical_crossentropy", "categorical_crossentropy")


def check_outputs(model: keras.Model, *, of_recipe: bool) -> None:
    """Refuses logits taken for probabilities, and the reverse, where that is certain.

    Args:
        model: built.
        of_recipe: whether it is to be used by its recipe, which applies the softmax itself.

    Raises:
        ValueError: naming the layer, the loss and the mending.
    """
    loss, layer = getattr(model, "loss", None), last_layer(model)
    if layer is None or not (isinstance(loss, _LOSSES) or (type(loss) is str and loss in _NAMES)):
        return
    name = loss if isinstance(loss, str) else type(loss).__name__
    activation = getattr(layer, "activation", None)
    is_softmax = type(layer).__name__ == "Softmax" or activation is keras.activations.softmax
    is_linear = isinstance(layer, keras.layers.Dense) and activation is keras.activations.linear
    if getattr(loss, "from_logits", False):
        if is_softmax:
            raise ValueError(
                f"{model.name}: its last layer, {layer.name}, is a softmax, and the loss {name} "
                "with from_logits=True applies another. Leave that layer's softmax out."
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
