"""What is changed: each operator looks at one node of the syntax tree and proposes replacements.

Nothing is proposed inside annotations, docstrings and calls that only log: no test should care.
"""

import ast
import copy
from collections.abc import Callable, Iterator

Proposal = tuple[str, ast.AST, ast.AST | None]  # operator, node, what replaces it (None: `pass`)

BOUNDARY = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
NEGATION = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.MatMult: ast.Mult,
}
AXES = {"axis", "dim"}
CONDITIONS = {"where", "and_", "or_", "all", "any", "filter"}
OPPOSITES = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum"}
OPPOSITES |= {"argmin": "argmax", "argmax": "argmin", "and_": "or_", "or_": "and_"}
LOGGERS = {"log", "logger", "logging", "warnings"}


def proposals(tree: ast.Module) -> Iterator[Proposal]:
    """Every change to the module, in the order of its nodes."""
    for node in _code(tree):
        for operator in OPERATORS:
            yield from operator(node)


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that decide what the code does, parents first."""
    yield node
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "type_params"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_silent(child):
                yield from _code(child)


def _is_silent(node: ast.AST) -> bool:
    if isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom | ast.Assert):
        return True
    if not isinstance(node, ast.Expr):
        return False
    value = node.value
    return isinstance(value, ast.Constant) or (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and isinstance(value.func.value, ast.Name)
        and value.func.value.id in LOGGERS
    )


def compare(node: ast.AST) -> Iterator[Proposal]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        kind = type(node.ops[0])
        for name, table in (("boundary", BOUNDARY), ("comparison", NEGATION)):
            if kind in table:
                yield name, node, _with(node, ops=[table[kind]()])


def boolean(node: ast.AST) -> Iterator[Proposal]:
    if isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "and/or", node, _with(node, op=other)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.Invert):
        yield "negation dropped", node, node.operand
    decided_elsewhere = ast.Compare | ast.UnaryOp | ast.BoolOp | ast.Constant
    if isinstance(node, ast.If | ast.IfExp | ast.While) and not isinstance(
        node.test, decided_elsewhere
    ):
        yield "negation", node.test, ast.UnaryOp(ast.Not(), node.test)
    if isinstance(node, ast.comprehension):
        for condition in node.ifs:
            yield "condition dropped", condition, ast.Constant(True)


def arithmetic(node: ast.AST) -> Iterator[Proposal]:
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in ARITHMETIC:
        operands = (
            (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
        )
        if not any(map(_is_text_or_list, operands)):
            yield "arithmetic", node, _with(node, op=ARITHMETIC[type(node.op)]())
    if (
        isinstance(node, ast.UnaryOp)
        and isinstance(node.op, ast.USub)
        and not isinstance(node.operand, ast.Constant)
    ):
        yield "sign dropped", node, node.operand


def _is_text_or_list(node: ast.AST) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_text_or_list(node.left) or _is_text_or_list(node.right)
    return isinstance(node, ast.JoinedStr | ast.List | ast.ListComp | ast.Tuple) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    )


def constant(node: ast.AST) -> Iterator[Proposal]:
    if not isinstance(node, ast.Constant):
        return
    value = node.value
    if isinstance(value, bool):
        yield "constant", node, ast.Constant(not value)
    elif isinstance(value, int):
        yield "constant", node, ast.Constant(value + 1)
    elif isinstance(value, float):
        yield "constant", node, ast.Constant(2 * value if value else 1.0)


def call(node: ast.AST) -> Iterator[Proposal]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await):
        yield "call dropped", node, None
    if isinstance(node, ast.Raise):
        yield "raise dropped", node, None
    if not isinstance(node, ast.Call):
        return
    for position, keyword in enumerate(node.keywords):
        if keyword.arg in AXES and isinstance(keyword.value, ast.Constant):
            axis = ast.Constant(1 if keyword.value.value == 0 else 0)
            yield "axis", keyword.value, axis
        elif keyword.arg is not None:
            rest = [*node.keywords[:position], *node.keywords[position + 1 :]]
            yield "keyword dropped", node, _with(node, keywords=rest)
    yield from _arguments(node)


def _arguments(node: ast.Call) -> Iterator[Proposal]:
    name = _name(node.func)
    if name in OPPOSITES:
        yield "opposite", node, _with(node, func=_renamed(node.func, OPPOSITES[name]))
    arguments = node.args
    if any(isinstance(argument, ast.Starred) for argument in arguments[:2]):
        return
    if name in CONDITIONS and len(arguments) >= 2:
        for position in range(len(arguments)):
            rest = [*arguments[:position], *arguments[position + 1 :]]
            yield "condition dropped", node, _with(node, args=rest)
    elif name in CONDITIONS:
        return
    elif len(arguments) >= 2 and name not in OPPOSITES:
        first, second, *rest = arguments
        if ast.dump(first) != ast.dump(second):
            yield "arguments swapped", node, _with(node, args=[second, first, *rest])


def returned(node: ast.AST) -> Iterator[Proposal]:
    if isinstance(node, ast.Return) and node.value is not None:
        nothing = isinstance(node.value, ast.Constant) and node.value.value is None
        if not nothing:
            yield "returns None", node, ast.Return(None)


def transposed(node: ast.AST) -> Iterator[Proposal]:
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield "transposed", node, node.value
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        places = node.slice.elts
        simple = all(isinstance(place, ast.Name) for place in places)
        if len(places) == 2 and simple and isinstance(node.ctx, ast.Load):
            turned = ast.Tuple([places[1], places[0]], ast.Load())
            yield "transposed", node, _with(node, slice=turned)


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _renamed(node: ast.expr, name: str) -> ast.AST:
    if isinstance(node, ast.Attribute):
        return _with(node, attr=name)
    return ast.Name(name, ast.Load())


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


OPERATORS: tuple[Callable[[ast.AST], Iterator[Proposal]], ...] = (
    compare,
    boolean,
    arithmetic,
    constant,
    call,
    returned,
    transposed,
)
