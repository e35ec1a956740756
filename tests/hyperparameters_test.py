import dataclasses
import re

import pytest

from tfcourse import choices, models, optimizers, schedules
from tfcourse import hyperparameters as hp


@dataclasses.dataclass(frozen=True)
class Example(hp.Hyperparameters):
    optimizer: str = hp.choice("momentum", choices.OPTIMIZERS, "Rule.")
    learning_rate: float = hp.number(
        0.1, "Step size.", interval="(0, inf)", search=(1e-4, 1.0), scale="log"
    )
    beta: float = hp.number(
        0.9, "Decay.", interval="[0, 1)", active_when=("optimizer", ("momentum", "rmsprop"))
    )
    epochs: int = hp.integer(3, "Passes.", interval="[1, inf)")
    hidden_units: tuple = hp.integers((8, 4), "Widths.")
    batch_size: int | str = hp.batch_size(32, "Examples.")
    weight_decay: float | str = hp.number("auto", "Decay.", interval="[0, 1]", choices=("auto",))


@pytest.mark.parametrize(
    ("names", "table"),
    [
        (choices.OPTIMIZERS, optimizers.OPTIMIZERS),
        (choices.SCHEDULES, schedules.SCHEDULES),
        (choices.MODELS, models.MODELS),
    ],
)
def test_names_without_tensorflow_are_the_keys_of_the_tables(names, table):
    assert list(names) == list(table)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("learning_rate", "1e-3", 0.001),
        ("learning_rate", ".5", 0.5),
        ("learning_rate", " 2 ", 2.0),
        ("beta", "0", 0.0),
        ("epochs", "7", 7),
        ("hidden_units", "512,256", (512, 256)),
        ("hidden_units", "64", (64,)),
        ("batch_size", "full", "full"),
        ("batch_size", "1", 1),
        ("weight_decay", "auto", "auto"),
        ("weight_decay", "0", 0.0),
    ],
)
def test_text_is_read_as_value_and_written_back(name, text, value):
    declaration = hp.declarations(Example)[name]
    assert declaration.parse(text) == value
    assert declaration.parse(declaration.format(value)) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("learning_rate", text) for text in ("0", "-0.1", "nan", "inf", "1e400", "1_0")),
        *(("learning_rate", text) for text in ("1e-46", "1e+39", "1e-400")),  # Of 32 bits.
        *(("beta", text) for text in ("1", "1.0")),
        *((name, "") for name in ("learning_rate", "hidden_units")),
        *(("epochs", text) for text in ("0", "1_0", "2.5")),
        *(("hidden_units", text) for text in ("8,0", "8,,4", "8," * 100 + "8")),
        *(("batch_size", text) for text in ("0", "-1", "1.5", "all")),
        *(("weight_decay", text) for text in ("-1", "none")),
        ("optimizer", "sgd"),
    ],
)
def test_text_outside_the_declared_range_is_refused_and_shown(name, text):
    shown = re.escape(text.replace("1e400", "inf"))  # It is more than a float holds.
    with pytest.raises(ValueError, match=f"Received: '?{shown}"):
        hp.declarations(Example)[name].parse(text)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beta": 1.0}, r"`beta` must be a number in \[0, 1\). Received: 1.0"),
        ({"epochs": 2.0}, r"`epochs` must be a whole number in \[1, inf\). Received: 2.0"),
        ({"epochs": True}, "`epochs` must be"),
        ({"learning_rate": float("nan")}, "`learning_rate` must be .* Received: nan"),
        ({"optimizer": "sgd"}, "`optimizer` must be one of .*momentum.* Received: 'sgd'"),
        ({"hidden_units": [8]}, "`hidden_units` must be"),
    ],
)
def test_values_from_python_are_checked_too(changes, message):
    with pytest.raises(ValueError, match=message):
        Example(**changes)


def test_only_active_hyperparameters_are_arguments_of_their_chooser():
    assert Example(optimizer="rmsprop", beta=0.5).arguments_of("optimizer") == {"beta": 0.5}
    assert Example(optimizer="adam").arguments_of("optimizer") == {}
    assert not Example(optimizer="adam").is_active("beta")


@pytest.mark.parametrize(
    "declared",
    [{"interval": "[0, 1)", "search": (0.5, 1.0)}, {"interval": "(0, inf)", "scale": "cubic"}],
)
def test_a_declaration_that_contradicts_itself_is_refused(declared):
    with pytest.raises(ValueError, match="Received"):
        hp.number(0.5, "Anything.", **declared)


def test_texts_of_all_values_are_read_as_the_same_values():
    @dataclasses.dataclass(frozen=True)
    class Optional(hp.Hyperparameters):
        note: str | None = hp.text(None, "Any.", optional=True)
        limit: int | None = hp.integer(None, "Most.", interval="[1, inf)", optional=True)
        names: tuple | None = hp.texts(None, "Any.", optional=True)
        augment: tuple = hp.several((), ("flip", "zoom"), "Changes.")

    given = Optional(note="None", limit=3, names=("a", "b"), augment=("zoom",))
    for values in (Optional(), given):
        assert Optional.from_texts(values.all_texts()) == values
    assert Optional().all_texts() == {"augment": "none"}
