"""The columns of a pickled pandas data frame, read without pandas and without running anything that the file names.

A pickle is a program: it names classes and functions, and calls them. Here each name that pandas needs for a frame is
replaced by a class that only records its arguments; any other name is refused. The recorded arguments are then read as
data. So a hostile file can at worst hold wrong data, or request more memory than its size justifies, which is refused.

Frames of pandas 1.3 and later can be read if the requested columns hold Python objects (strings, lists).
"""

from __future__ import annotations

import pickle
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submitter.errors import InputError, os_reason, os_remedy
from submitter.quoting import printable
from submitter.units import BYTES_PER_MIB

_NUMPY = ("numpy.core", "numpy._core")
_ALLOWED = {
    *((f"{package}.multiarray", "_reconstruct") for package in _NUMPY),
    *((f"{package}.numeric", "_frombuffer") for package in _NUMPY),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("builtins", "slice"),
    ("pandas._libs.internals", "_unpickle_block"),
    ("pandas.core.frame", "DataFrame"),
    ("pandas.core.internals.managers", "BlockManager"),
    ("pandas.core.indexes.base", "Index"),
    ("pandas.core.indexes.base", "_new_Index"),
    ("pandas.core.indexes.numeric", "Int64Index"),
    ("pandas.core.indexes.range", "RangeIndex"),
}
# The objects of a valid file take at most 64 times its bytes (an int of 2 bytes becomes one of 36), plus a constant.
_MEMORY_FACTOR, _MEMORY_BYTES = 64, 256 * BYTES_PER_MIB
_ITEM_BYTES = 8
_USE_PUBLISHED = "use the file that MLCommons publishes"


@dataclass(frozen=True)
class Frame:
    """A data frame: the names of all columns, and the values of the requested ones."""

    columns: tuple[str, ...]
    row_count: int
    values: dict[str, list[Any]]


def read_frame(path: Path, requested: Sequence[str]) -> Frame:
    """The frame in `path`, with the values of those columns in `requested` that it has.

    InputError if the file cannot be read, is not a pickle, names anything but the parts of a data frame, or does not
    hold a data frame.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file, _memory_limit(_MEMORY_FACTOR * size + _MEMORY_BYTES):
            content = _Unpickler(file).load()
    except InputError as error:
        raise InputError(f"{path} is refused: {error.message}", error.hint) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {os_reason(error)}", os_remedy(error)) from None
    except MemoryError:
        raise InputError(
            f"{path} is refused: it requires far more memory than its size justifies", _USE_PUBLISHED
        ) from None
    except Exception as error:  # a damaged or hostile pickle can raise anything
        text = str(error).partition("\n")[0][:200]
        raise InputError(f"{path} is not a pickle of a data frame: {text}", _USE_PUBLISHED) from None
    try:
        return _frame(content, requested)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        text = str(error).partition("\n")[0][:200]
        raise InputError(f"{path} does not hold a data frame that can be read: {text}", _USE_PUBLISHED) from None


class _RecordedCall:
    """A call in a pickle: the name that it `called`, the arguments, and the state that it then set."""

    called = ""
    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any) -> _RecordedCall:
        self = super().__new__(cls)
        self.args, self.state = args, None
        return self

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            shown = printable(f"{module}.{name}")[:80]
            raise InputError(f"it names '{shown}', which no data frame needs", _USE_PUBLISHED)
        return type(name, (_RecordedCall,), {"called": name})


@contextmanager
def _memory_limit(more_bytes: int) -> Iterator[None]:
    """Limit this process to `more_bytes` beyond what it has now; an allocation beyond that raises MemoryError."""
    import psutil

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    now_bytes = psutil.Process().memory_info().vms
    limits = [now_bytes + more_bytes, *(n for n in (soft, hard) if n != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _frame(content: Any, requested: Sequence[str]) -> Frame:
    """TypeError, ValueError, KeyError, IndexError or AttributeError if `content` is not a frame."""
    manager = _expect(_expect(content, "DataFrame").state["_mgr"], "BlockManager")
    blocks, axes = manager.args
    names = _objects(_expect(axes[0], "_new_Index").args[1]["data"])[0]
    if not all(isinstance(name, str) for name in names):
        raise ValueError("the names of its columns are not strings")
    columns: dict[str, list[Any]] = {}
    row_count = -1
    for block in blocks:
        array, positions, _ = _expect(block, "_unpickle_block").args
        rows = _array(array)[0][1]
        if not isinstance(rows, int) or rows < 1 or row_count not in (-1, rows):
            raise ValueError("its columns are empty, or of different lengths")
        row_count = rows
        block_names = [names[position] for position in _positions(positions)]
        if set(block_names) & set(requested):
            columns.update(zip(block_names, _objects(array), strict=True))
    return Frame(tuple(names), row_count, {name: columns[name] for name in requested if name in columns})


def _expect(value: Any, called: str) -> _RecordedCall:
    if not isinstance(value, _RecordedCall) or value.called != called:
        raise TypeError(f"{called} expected, found {getattr(value, 'called', type(value).__name__)}")
    return value


def _array(value: Any) -> tuple[tuple[int, ...], str, Any]:
    """An array's shape, the code of its type, and its items: a list of objects, or bytes."""
    if isinstance(value, _RecordedCall) and value.called == "_frombuffer":
        items, dtype, shape, _ = value.args
    else:
        _, shape, dtype, _, items = _expect(value, "_reconstruct").state
    return shape, str(_expect(dtype, "dtype").args[0]), items


def _objects(value: Any) -> list[list[Any]]:
    """The rows of an array of objects; one row if it has one dimension. numpy pickles them row by row."""
    shape, code, items = _array(value)
    if not code.startswith("O") or not isinstance(items, list):
        raise ValueError(f"a column of type {code}, where objects are expected")
    length = shape[-1]
    count = shape[0] if len(shape) == 2 else 1
    if length < 1 or len(items) != count * length or len(shape) > 2:
        raise ValueError("an array whose shape does not match its items")
    return [items[row * length : (row + 1) * length] for row in range(count)]


def _positions(value: Any) -> Sequence[int]:
    """The positions of a block's columns in the frame, from a slice or an array of int64."""
    if isinstance(value, _RecordedCall) and value.called == "slice":
        start, stop, step = value.args
        return range(start, stop, step)
    _, code, items = _array(value)
    if code != "i8":
        raise ValueError(f"the positions of a block's columns are of type {code}")
    return [int.from_bytes(items[at : at + _ITEM_BYTES], "little") for at in range(0, len(items), _ITEM_BYTES)]
