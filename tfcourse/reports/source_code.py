"""Shows the library's own code in a notebook, beside its formula."""

import ast
import inspect
import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.display import Markdown


def show_code(*objects: Any) -> "Markdown":
    """Returns the source of functions, methods or classes, for a notebook to display.

    Docstrings are cut after their first line, because the notebook shows the formula.

    Args:
        *objects: functions (also traced by `tf.function`), methods or classes.

    Raises:
        ModuleNotFoundError: IPython is missing; `pip install -e ".[notebooks]"` brings it.
    """
    from IPython.display import Markdown

    return Markdown("\n\n".join(_fenced(item) for item in objects))


def _fenced(item: Any) -> str:
    item = getattr(item, "python_function", item)  # What `tf.function` has wrapped.
    file = item.__module__.replace(".", "/") + ".py"
    return f"`{file}`\n\n```python\n{_shortened(inspect.getsource(item))}\n```"


def _shortened(source: str) -> str:
    """Returns `source` with only the first line of its docstrings."""
    lines = textwrap.dedent(source).rstrip().splitlines()
    nodes = [
        node.body[0]
        for node in ast.walk(ast.parse("\n".join(lines)))
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node)
    ]
    for node in sorted(nodes, key=lambda node: -node.lineno):
        first = lines[node.lineno - 1].removesuffix('"""')
        lines[node.lineno - 1 : node.end_lineno] = [first + '"""']
    return "\n".join(lines)
