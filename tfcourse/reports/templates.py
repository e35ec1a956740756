"""The Jinja templates of pages, model cards and sentences, and how all of them are filled."""

import pathlib
from collections.abc import Callable
from typing import Any

import jinja2

_COMMON = pathlib.Path(__file__).parent  # Of page.css.j2.


def environment(folder: pathlib.Path, **filters: Callable[..., Any]) -> jinja2.Environment:
    """Returns the environment for the templates in `folder`, and for "page.css.j2".

    Templates of HTML escape what they show. A variable that is not given is an error.

    Args:
        folder: the folder of the templates.
        **filters: functions of a value that templates use, by name.
    """
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, _COMMON]),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters |= filters
    return found
