"""No assertion of the tests is one that can't fail."""

import ast
import itertools
import pathlib

import pytest

HERE = pathlib.Path(__file__).parent
# Of a mock: asserted without a call they are true, or a new mock.
MOCKS = ("called_with", "called_once_with", "called_once", "has_calls", "any_call", "not_called")


def faults(source):
    """Returns `(line, why)` of what in a test file can't fail, or holds more than it should."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assert):
            found += [(node.lineno, why) for why in _of_assert(node)]
        elif isinstance(node, ast.Expr):
            found += [(node.lineno, why) for why in _of_statement(node.value)]
        elif isinstance(node, ast.With):
            calls = [_name(item.context_expr) for item in node.items]
            if len(node.body) > 1 and {"pytest.raises", "pytest.warns"} & set(calls):
                found.append((node.lineno, "the first of several lines may raise"))
    return found


def _of_assert(node):
    test = node.test
    if isinstance(test, ast.Tuple | ast.List | ast.Dict | ast.Set) and ast.unparse(test) != "[]":
        yield "a container is true"
    if isinstance(test, ast.GeneratorExp | ast.Lambda | ast.JoinedStr):
        yield "it is always true"
    if isinstance(test, ast.Constant) and test.value:
        yield "a constant is true"
    if isinstance(node.msg, ast.Compare | ast.BoolOp):
        yield "a comparison is only the message"
    if isinstance(test, ast.Attribute) and test.attr.removeprefix("assert_") in MOCKS:
        yield "a method is true"
    if isinstance(test, ast.Call) and _name(test) == "pytest.approx":
        yield "an approximation is true"
    for part in test.values if isinstance(test, ast.BoolOp) else [test]:
        if isinstance(part, ast.Compare):
            sides = [part.left, *part.comparators]
            if any(_is_same(one, other) for one, other in itertools.pairwise(sides)):
                yield "something is compared with itself"


def _of_statement(value):
    if isinstance(value, ast.Compare):
        yield "the comparison is lost"
    if isinstance(value, ast.Attribute) and value.attr.startswith("assert_"):
        yield "the assertion is not called"
    if isinstance(value, ast.Call):
        name = _name(value)
        if name in ("np.allclose", "np.array_equal", "np.isclose", "math.isclose", "all", "any"):
            yield "the result is lost"
        compared = value.args[:2]
        if name.startswith("np.testing.assert_") and compared[1:] and _is_same(*compared):
            yield "something is compared with itself"


def _name(node):
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def _is_same(one, other):
    """Returns whether two expressions are the same, and no call that may return something else."""
    calls = any(isinstance(part, ast.Call) for part in ast.walk(one))
    return not calls and ast.dump(one) == ast.dump(other)


@pytest.mark.parametrize("path", sorted(HERE.glob("*.py")), ids=lambda path: path.stem)
def test_every_assertion_can_fail(path):
    assert faults(path.read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        *("assert a, b == c", "assert (a, b)", "assert a == a", "assert 'text'", "a == b"),
        *("assert mock.called_once_with", "mock.assert_called", "assert (x for x in y)"),
        *("np.allclose(a, b)", "np.testing.assert_array_equal(a.b, a.b)", "assert f'{a}'"),
        *("assert pytest.approx(a)", "with pytest.raises(E):\n    a()\n    b()"),
    ],
)
def test_what_can_not_fail_is_found(line):
    assert faults(line)


@pytest.mark.parametrize(
    "line",
    [
        *("assert a == b, f'{a} is not {b}'", "assert f() == f()", "assert a, message"),
        *("np.testing.assert_array_equal(a, b)", "with pytest.raises(E):\n    a()"),
        *("mock.assert_called()", "assert not []", "assert a == [a]"),
    ],
)
def test_what_can_fail_is_left_alone(line):
    assert faults(line) == []
