"""--help: the program's header and its flags, in groups."""

import textwrap

from absl import flags

from tfcourse.command_line.flag_definitions import OF_SWEEPS, ours, text_of

OF_TOOL = "Flags of this program"  # For programs without a run.
_REPEATED = "; repeat this option to specify a list of values"  # absl's text.
_WIDTH = 79  # Line width of --help, for a terminal of 80 columns.
_SYNTAX = """Write --name=value; brackets show [the default]. The last value counts.
--flagfile=PATH reads flags from a file, one per line."""
# The parts of --help, in order. A recipe's own parts come before them.
_GROUPS = ("Model", "Optimizer", "Training", "Data", "Run", "Sweep")


def help_text(header: str) -> str:
    """Returns the text of --help: the program's header and the description of each flag."""
    groups: dict[str, list[flags.Flag]] = {}
    for flag in ours():
        groups.setdefault(_group(flag), []).append(flag)
    titles = [title for title in groups if title not in _GROUPS]
    titles += [title for title in _GROUPS if title in groups]
    lines = [_narrow(header.strip()), "", _SYNTAX]
    for title in titles:
        lines += ["", f"{title}:"]
        for flag in groups[title]:
            default = (
                "" if flag.default in (None, [], (), "") else f" [{text_of(flag, flag.default)}]"
            )
            allowed = flag.parser.syntactic_help
            allowed = f" ({allowed})" if allowed and not flag.boolean else ""
            about = " ".join(flag.help.split()).replace(_REPEATED, " May be repeated.")
            lines.append(f"  --{flag.name}{default}")
            lines += textwrap.wrap(
                f"{about}{allowed}", _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6
            )
    return "\n".join(lines)


def _narrow(text: str) -> str:
    """Returns `text` with its prose wrapped to `_WIDTH`; commands and lists stay as they are."""
    parts = text.split("\n\n")
    for k, part in enumerate(parts):
        if not part.startswith((" ", "- ")):
            parts[k] = textwrap.fill(part, _WIDTH, break_on_hyphens=False)
    return "\n\n".join(parts)


def _group(flag: flags.Flag) -> str:
    if flag.name in ("dataset", "describe", "data_dir"):
        return "Data"
    if flag.name in (*OF_SWEEPS, "extend"):
        return "Sweep"
    if flag.boolean and "seed" not in flags.FLAGS and flag.name not in ("debug", "help"):
        return OF_TOOL
    return getattr(flag.parser, "group", "Run")
