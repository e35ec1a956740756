"""Adds a page for each recipe: its header, its flagfiles, its flags as they are declared."""

import ast
import dataclasses
import functools
import importlib
import pathlib
from collections.abc import Callable, Iterable, Sequence

from absl import flags
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from tfcourse import hyperparameters as hp
from tfcourse import scales
from tfcourse.command_line import flag_definitions

ROOT = pathlib.Path(__file__).parents[2]
INDEX = """# Recipes and flags

Write flags as `--name=value`; the last value counts. `--flagfile=PATH` reads flags from a file,
one per line. All flags are checked before TensorFlow loads. Each recipe's own flags are on its
page. The flags that all recipes share are [below](#flags-of-every-recipe).
"""

CALLS = ("command_line.run", "command_line.run_tool", "harness.run")
# Flags that come with an argument of `command_line.run`.
SHARED = {
    "build": "[`--find_learning_rate` and `--diagnose`](index.md#before-a-training)",
    "train": "[the flags of sweeps](index.md#flags-of-sweeps)",
}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    pages = ["recipes/index.md", *(f"recipes/{name}.md" for name in programs())]
    entry = next(entry for entry in config.nav or () if "recipes/" in entry.values())
    entry.update(dict.fromkeys(entry, pages))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    files.append(File.generated(config, "recipes/index.md", content=index()))
    for name, call in programs().items():
        files.append(File.generated(config, f"recipes/{name}.md", content=page(name, call)))
    return files


@functools.cache
def programs() -> dict[str, ast.Call]:
    """Returns `{name: call}` of the programs in recipes/, each with its call of command_line."""
    found = {}
    paths = [*ROOT.glob("recipes/*.py"), *ROOT.glob("recipes/*/*.py")]
    for path in sorted(paths):
        module = ".".join(path.relative_to(ROOT / "recipes").with_suffix("").parts)
        module = module.removesuffix(".__main__")
        guards = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.If)]
        for node in (node for guard in guards for node in ast.walk(guard)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in CALLS:
                found[module] = node
    return found


def index() -> str:
    """Returns the page that lists the recipes and the flags that they share."""
    rows = [(f"[{name}]({name}.md)", _header(name).partition("\n")[0]) for name in programs()]
    parts = [INDEX, _table(("recipe", "what it does"), rows)]
    for title, define in {
        "Flags of every recipe": _define_run,
        "Before a training": flag_definitions.define_finder,
        "Flags of sweeps": flag_definitions.define_sweep,
    }.items():
        parts.append(f"## {title}\n")
        parts.append(_table(("flag", "default", "allowed", "meaning"), _rows_of(define)))
    return "\n".join(parts)


def page(name: str, call: ast.Call) -> str:
    """Returns the page of a recipe."""
    suffix = ".__main__" if (ROOT / "recipes" / name).is_dir() else ""
    module = importlib.import_module(f"recipes.{name}{suffix}")
    parts = [f"# {name}\n", _header(name)]
    stem = name.rpartition(".")[2]
    flagfiles = sorted({*ROOT.glob(f"configs/{stem}.flags"), *ROOT.glob(f"configs/{stem}.*.flags")})
    if flagfiles:
        parts.append("\n## Flagfiles\n")
    for path in flagfiles:
        lines = path.read_text().splitlines()
        about = " ".join(line.removeprefix("#").strip() for line in lines if line.startswith("#"))
        parts += [f"- [`configs/{path.name}`](../../configs/{path.name}): {about}\n"]
    parts.append("\n## Flags\n")
    parts.append(_declared(getattr(module, ast.unparse(call.args[1]))))
    if ast.unparse(call.func) != "command_line.run_tool":
        links = ["[the flags of every recipe](index.md#flags-of-every-recipe)"]
        given = {keyword.arg for keyword in call.keywords}
        links += [link for argument, link in SHARED.items() if argument in given]
        parts.append(f"In addition: {', '.join(links)}.")
    return "\n".join(parts)


def _header(name: str) -> str:
    path = ROOT / "recipes" / name.replace(".", "/")
    path = path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.get_docstring(ast.parse(path.read_text())) or ""


def _declared(hyperparameters: type[hp.Hyperparameters]) -> str:
    """Returns the table of a `Hyperparameters` class."""
    header = ["flag", "default", "allowed", "meaning"]
    declarations = hp.declarations(hyperparameters)
    if any(declared.search for declared in declarations.values()):
        header.append("search range")
    rows = []
    for field in dataclasses.fields(hyperparameters):
        declared = declarations[field.name]
        default = "" if field.default is None else f"`{declared.format(field.default)}`"
        about = declared.help
        if declared.active_when:
            chooser, values = declared.active_when
            named = " or ".join(f"`--{chooser}={value}`" for value in values)
            about += f" Only with {f'`--{chooser}`' if isinstance(values[0], tuple) else named}."
        row = (f"`--{field.name}`", default, declared.allowed, about, _search(declared))
        rows.append(row[: len(header)])
    return _table(header, rows)


def _search(declared: hp.Declaration) -> str:
    if not declared.search:
        return ""
    values = [declared.format(value) for value in declared.search]
    if scales.SCALES[declared.scale].is_range:
        return f"`{':'.join(values)}:{declared.scale}`"
    return " or ".join(f"`{value}`" for value in values)


def _define_run() -> None:
    flag_definitions.define(hp.Hyperparameters)
    flag_definitions.define_run(dataset="")


def _rows_of(define: Callable[[], None]) -> list[tuple[str, ...]]:
    """Returns a row for each flag that `define` adds, and takes the flags away again."""
    known = set(flags.FLAGS)
    define()
    rows: list[tuple[str, ...]] = []
    for flag in flag_definitions.ours():
        if flag.name not in known:
            default = "" if flag.default in (None, [], (), "") else f"`{flag.default_as_str}`"
            allowed = "" if flag.boolean else flag.parser.syntactic_help
            about = flag.help.partition(";\n")[0]  # absl adds that it can be repeated.
            rows.append((f"`--{flag.name}`", default.replace("'", ""), allowed, about))
    for name in [name for name in flags.FLAGS if name not in known]:
        delattr(flags.FLAGS, name)
    return rows


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
