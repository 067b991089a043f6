"""The columns of a pickled pandas data frame, read without pandas and without running anything the file names.

A pickle is a program: it names classes and functions, and calls them. Here every name that pandas needs for a frame
stands for a class that only remembers what it was called with; any other name is refused. What was remembered is then
read as data. So a hostile file can at worst be wrong, or ask for more memory than its size warrants, which is refused.

Frames of pandas 1.3 and later can be read, as long as the columns in question hold Python objects (texts, lists).
"""

from __future__ import annotations

import pickle
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submitter.errors import InputError
from submitter.units import BYTES_PER_MIB

_NUMPY = ("numpy.core", "numpy._core")
_ALLOWED = {
    *((f"{place}.multiarray", "_reconstruct") for place in _NUMPY),
    *((f"{place}.numeric", "_frombuffer") for place in _NUMPY),
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
# What an honest file's objects take, at most: 64 times its bytes (an int of 2 bytes becomes one of 36), and the rest.
_MEMORY_FACTOR, _MEMORY_BYTES = 64, 256 * BYTES_PER_MIB
_ITEM_BYTES = 8
_NOT_OURS = "give the file as MLCommons publishes it"


@dataclass(frozen=True)
class Frame:
    """A data frame: the names of all columns, and the values of those that were asked for."""

    columns: tuple[str, ...]
    row_count: int
    values: dict[str, list[Any]]


def read_frame(path: Path, wanted: Sequence[str]) -> Frame:
    """The frame in `path`, with the values of the columns in `wanted` that it has.

    InputError if the file cannot be read, is no pickle, names anything but the parts of a data frame, or holds
    something else.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file, _memory_limit(_MEMORY_FACTOR * size + _MEMORY_BYTES):
            made = _Unpickler(file).load()
    except InputError as error:
        raise InputError(f"{path} is refused: {error.message}", error.hint) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except MemoryError:
        raise InputError(f"{path} is refused: it asks for far more memory than its size", _NOT_OURS) from None
    except Exception as error:  # a damaged or hostile pickle can raise anything
        text = str(error).partition("\n")[0][:200]
        raise InputError(f"{path} is no pickle of a data frame: {text}", _NOT_OURS) from None
    try:
        return _frame(made, wanted)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        text = str(error).partition("\n")[0][:200]
        raise InputError(f"{path} holds no data frame that can be read here: {text}", _NOT_OURS) from None


class _Remembered:
    """What a pickle called by the name `called`: with which arguments, and what state it then set."""

    called = ""
    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any) -> _Remembered:
        self = super().__new__(cls)
        self.args, self.state = args, None
        return self

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            shown = f"{module}.{name}"[:80]
            raise InputError(f"it names {shown!r}, which no data frame needs", _NOT_OURS)
        return type(name, (_Remembered,), {"called": name})


@contextmanager
def _memory_limit(more_bytes: int) -> Iterator[None]:
    """Let this process take `more_bytes` beyond what it has now; a MemoryError ends what wants more."""
    import psutil

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    now_bytes = psutil.Process().memory_info().vms
    limits = [now_bytes + more_bytes, *(n for n in (soft, hard) if n != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _frame(made: Any, wanted: Sequence[str]) -> Frame:
    """Any of TypeError, ValueError, KeyError, IndexError and AttributeError says that it is none."""
    manager = _expect(_expect(made, "DataFrame").state["_mgr"], "BlockManager")
    blocks, axes = manager.args
    names = _objects(_expect(axes[0], "_new_Index").args[1]["data"])[0]
    if not all(isinstance(name, str) for name in names):
        raise ValueError("its columns have no names")
    columns: dict[str, list[Any]] = {}
    row_count = -1
    for block in blocks:
        array, places, _ = _expect(block, "_unpickle_block").args
        rows = _array(array)[0][1]
        if not isinstance(rows, int) or rows < 1 or row_count not in (-1, rows):
            raise ValueError("its columns are empty, or of different lengths")
        row_count = rows
        of_block = [names[place] for place in _places(places)]
        if set(of_block) & set(wanted):
            columns.update(zip(of_block, _objects(array), strict=True))
    return Frame(tuple(names), row_count, {name: columns[name] for name in wanted if name in columns})


def _expect(made: Any, called: str) -> _Remembered:
    if not isinstance(made, _Remembered) or made.called != called:
        raise TypeError(f"{called} expected, found {getattr(made, 'called', type(made).__name__)}")
    return made


def _array(made: Any) -> tuple[tuple[int, ...], str, Any]:
    """An array's shape, the code of its type, and its items: a list of objects, or bytes."""
    if isinstance(made, _Remembered) and made.called == "_frombuffer":
        items, dtype, shape, _ = made.args
    else:
        _, shape, dtype, _, items = _expect(made, "_reconstruct").state
    return shape, str(_expect(dtype, "dtype").args[0]), items


def _objects(made: Any) -> list[list[Any]]:
    """The rows of an array of objects; one row if it has one dimension. numpy pickles them row by row."""
    shape, code, items = _array(made)
    if not code.startswith("O") or not isinstance(items, list):
        raise ValueError(f"a column of type {code}, where objects are expected")
    length = shape[-1]
    count = shape[0] if len(shape) == 2 else 1
    if length < 1 or len(items) != count * length or len(shape) > 2:
        raise ValueError("an array whose shape is not that of its items")
    return [items[row * length : (row + 1) * length] for row in range(count)]


def _places(made: Any) -> Sequence[int]:
    """Which columns a block holds: a slice, or an array of int64."""
    if isinstance(made, _Remembered) and made.called == "slice":
        start, stop, step = made.args
        return range(start, stop, step)
    _, code, items = _array(made)
    if code != "i8":
        raise ValueError(f"a block's places of type {code}")
    return [int.from_bytes(items[at : at + _ITEM_BYTES], "little") for at in range(0, len(items), _ITEM_BYTES)]
