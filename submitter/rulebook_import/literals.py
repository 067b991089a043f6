"""Reads the constants of a Python file without running it: literals, arithmetic on them, and names of constants.

The file is a stranger's. Nothing in it is called or imported, and what its expressions can grow to is limited.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from submitter import input_file
from submitter.errors import InputError
from submitter.quoting import printable

HINT = "only literals, arithmetic on them and names of constants are read: see CONTRIBUTING, Add a round"
_LARGEST_FILE = 8 * 2**20
_LONGEST = 100_000
_MOST_SHOWN = 60
_LARGEST_NUMBER = 2**64


class Product(float):
    """A product whose factors are still known: a target such as `44.4312 * 0.999`."""

    reference: float
    """The factor that is further from 1."""
    factor: float

    def __new__(cls, left: float, right: float) -> Product:
        self = super().__new__(cls, left * right)
        self.factor, self.reference = sorted((left, right), key=lambda value: abs(value - 1))
        return self


class Source:
    """A Python file, parsed and not run; InputError if it cannot be read or is not Python."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if input_file.require_file(path, "Python file") > _LARGEST_FILE:
            raise InputError(f"{path} is too large for a file of constants", "is it the official checker's?")
        try:
            text = input_file.read_text(path, "Python file")
            with warnings.catch_warnings(action="ignore"):
                self.tree = ast.parse(text)
        except SyntaxError as error:
            where = f"{path}:{error.lineno}" if error.lineno else str(path)
            raise InputError(f"{where}: not Python: {error.msg}", "take the file as MLCommons has it") from None
        except (ValueError, RecursionError, MemoryError):
            raise InputError(f"{path}: not Python that can be parsed", "take the file as MLCommons has it") from None
        self._lines = text.splitlines()
        self._assigned = {
            node.targets[0].id: node
            for node in self.tree.body
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
        }

    def __contains__(self, name: str) -> bool:
        return name in self._assigned

    def constants(self) -> Iterator[str]:
        """The names in capitals that the file sets."""
        return (name for name in self._assigned if name.isupper())

    def constant(self, name: str) -> Any:
        """The value that the file sets `name` to; InputError if it sets none, or not to a literal."""
        if name not in self._assigned:
            raise InputError(f"{self.path} does not set {name}", HINT)
        return self._literal(name, self._assigned[name].value)

    def local(self, name: str) -> Any:
        """The literal that a variable of this name is set to, in the first function or block that does; else None."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
                return self._literal(name, node.value)
        return None

    def function(self, name: str) -> ast.FunctionDef | None:
        """The function or method of this name, parsed."""
        found = (node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef) and node.name == name)
        return next(found, None)

    def _literal(self, name: str, node: ast.expr) -> Any:
        try:
            return self._value(node)
        except RecursionError:
            line = node.lineno
            raise InputError(f"{self.path}:{line}: {name} is nested too deeply, or refers to itself", HINT) from None
        except _NotLiteral as error:
            found = printable(self._lines[error.node.lineno - 1].strip()[:_MOST_SHOWN])
            raise InputError(f"{self.path}:{error.node.lineno}: {name} is not a literal: {found}", HINT) from None

    def _value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=str() | int() | float() | None):
                return node.value
            case ast.List(elts=elements):
                return [self._value(each) for each in elements]
            case ast.Tuple(elts=elements):
                return tuple(self._value(each) for each in elements)
            case ast.Dict(keys=keys, values=values):
                found = {}
                for key, value in zip(keys, values, strict=True):
                    # A key is None where another dictionary is unpacked.
                    if not isinstance(key, ast.Constant | ast.Name):
                        raise _NotLiteral(value if key is None else key)
                    named = self._value(key)
                    if isinstance(named, dict | list):
                        raise _NotLiteral(key)
                    found[named] = self._value(value)
                return found
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._computed(node, lambda value, _: -value, self._value(operand), 0)
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
                return self._computed(node, _OPERATORS[type(operator)], self._value(left), self._value(right))
            case ast.Name(id=name) if name in self._assigned:
                return self._value(self._assigned[name].value)
        raise _NotLiteral(node)

    def _computed(self, node: ast.expr, compute: Any, left: Any, right: Any) -> Any:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        sequences = type(left) is type(right) and isinstance(left, list | tuple | str) and compute is _plus
        if not numbers and not sequences:
            raise _NotLiteral(node)
        try:
            value = compute(left, right)
        except ArithmeticError:
            raise _NotLiteral(node) from None
        if (numbers and abs(value) > _LARGEST_NUMBER) or (sequences and len(value) > _LONGEST):
            raise _NotLiteral(node)
        return value


def returned_names(function: ast.FunctionDef | None) -> list[str] | None:
    """The names that a function of one statement returns; None if it does something else."""
    match function and function.body:
        case [ast.Return(value=ast.expr() as value)]:
            return _names(value)
    return None


def models_in(node: ast.AST | None) -> list[str] | None:
    """The names in the only `model in [names]` in `node`; None if there is not exactly one."""
    lists = [
        _names(part.comparators[0])
        for part in (ast.walk(node) if node else ())
        if isinstance(part, ast.Compare)
        and isinstance(part.ops[0], ast.In)
        and "model" in (getattr(part.left, "id", ""), getattr(part.left, "attr", ""))
    ]
    return lists[0] if len(lists) == 1 else None


def mentions(node: ast.AST, name: str) -> bool:
    """Whether a variable or function of this name is used in `node`."""
    return any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(node))


def _names(node: ast.expr) -> list[str] | None:
    if not isinstance(node, ast.List | ast.Tuple):
        return None
    values = [each.value for each in node.elts if isinstance(each, ast.Constant)]
    names = [value for value in values if isinstance(value, str)]
    return names if len(names) == len(node.elts) else None


class _NotLiteral(Exception):
    def __init__(self, node: ast.expr) -> None:
        self.node = node


def _plus(left: Any, right: Any) -> Any:
    return left + right


def _times(left: Any, right: Any) -> Any:
    return Product(left, right) if isinstance(left * right, float) else left * right


_OPERATORS = {
    ast.Add: _plus,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: _times,
    ast.Div: lambda left, right: left / right,
}
