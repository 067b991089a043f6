"""Frames of real pandas are read without pandas; whatever else a pickle asks for is refused and never happens."""

from __future__ import annotations

import os
import pickle
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from make_pickles import COLUMNS, row

from submitter.datasets import pickles
from submitter.datasets.pickles import read_frame
from submitter.errors import InputError

PICKLES = sorted((Path(__file__).parent / "pickles").glob("*.pkl"))
WANTED = ("tok_input", "output")


def number_of(prompt: list[int]) -> int:
    return (prompt[1] - 300) // 100


@pytest.mark.parametrize("path", PICKLES, ids=lambda path: path.stem)
def test_a_frame_of_pandas(path: Path) -> None:
    frame = read_frame(path, (*WANTED, "no such column"))
    assert frame.columns == tuple(COLUMNS.split())
    assert frame.row_count == (3 if path.stem.count("-") > 1 else 12)
    assert list(frame.values) == list(WANTED)
    rows = [row(number_of(prompt)) for prompt in frame.values["tok_input"]]
    assert len({one["id"] for one in rows}) == frame.row_count
    assert frame.values == {name: [one[name] for one in rows] for name in WANTED}
    assert "pandas" not in sys.modules


def test_there_are_frames_of_both_generations_of_pandas() -> None:
    assert {path.stem[:8] for path in PICKLES} == {"pandas-1", "pandas-2"}


def test_what_an_installed_pandas_writes(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", exc_type=ImportError)
    if int(pandas.__version__.split(".")[0]) > 2:
        pytest.skip("pandas 3 keeps texts in a type of its own")
    pandas.DataFrame([row(number) for number in range(5)]).to_pickle(tmp_path / "frame.pkl")
    frame = read_frame(tmp_path / "frame.pkl", WANTED)
    assert frame.values["output"] == [row(number)["output"] for number in range(5)]


class Calls:
    """Pickles as a call of `function`."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


def named(module: str, name: str) -> bytes:
    """A pickle that calls a name, importable here or not."""
    texts = (b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name))
    return b"\x80\x04" + b"".join(texts) + b"\x93)R."


HARMFUL = {
    "os.system": pickle.dumps(Calls(os.system, "touch harm")),
    "os.system, protocol 0": pickle.dumps(Calls(os.system, "touch harm"), 0),
    "builtins.eval": pickle.dumps(Calls(eval, "open('harm', 'w')")),
    "builtins.exec": pickle.dumps(Calls(exec, "open('harm', 'w')")),
    "builtins.getattr": pickle.dumps(Calls(getattr, "", "join")),
    "builtins.__import__": pickle.dumps(Calls(__import__, "os")),
    "in a list in a dict": pickle.dumps({"_mgr": [1, Calls(os.system, "touch harm")]}),
    "as an argument of an argument": pickle.dumps(Calls(slice, Calls(slice, Calls(os.system, "touch harm")), 1, 1)),
    "as a state": pickle.dumps(Calls(slice, 1))[:-1] + pickle.dumps(Calls(os.system, "touch harm"))[11:-1] + b"b.",
    "numpy's own loader of pickles": named("numpy", "load"),
    "numpy.core.multiarray.scalar": named("numpy.core.multiarray", "scalar"),
    "pandas.read_pickle": named("pandas", "read_pickle"),
    "a dotted name": named("pandas.core.frame", "DataFrame.eval"),
    "functools.partial": named("functools", "partial"),
    "copyreg's reconstructor": named("copyreg", "_reconstructor"),
    "the old INST": b"(S'touch harm'\nios\nsystem\n.",
    "the old OBJ": b"(cos\nsystem\nS'touch harm'\no.",
    "an extension's code": b"\x80\x02\x82\x01.",
    "a persistent id": b"\x80\x02Pharm\n.",
}


@pytest.mark.parametrize("case", HARMFUL)
def test_nothing_but_a_frame_is_called(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.pkl").write_bytes(HARMFUL[case])
    with pytest.raises(InputError) as error:
        read_frame(tmp_path / "bad.pkl", WANTED)
    assert ": it names '" in error.value.message or case in ("an extension's code", "a persistent id")
    assert "\n" not in error.value.message
    assert error.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["bad.pkl"]


def test_what_is_refused_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.pkl").write_bytes(HARMFUL["os.system"])
    with pytest.raises(InputError, match=r"bad\.pkl is refused: it names '(posix|os)\.system', which no data frame"):
        read_frame(tmp_path / "bad.pkl", WANTED)


def test_the_classes_that_stand_for_pandas_cannot_be_changed(tmp_path: Path) -> None:
    """BUILD on a class would set its attributes, and so change what the next file's names do."""
    data = b"\x80\x04\x8c\x11pandas.core.frame\x8c\tDataFrame\x93}\x8c\x08__call__\x8c\x01x\x73\x62."
    (tmp_path / "bad.pkl").write_bytes(data)
    with pytest.raises(InputError, match="not a pickle of a data frame"):
        read_frame(tmp_path / "bad.pkl", WANTED)


GREEDY = {
    "a place far out in the memo": b"\x80\x04N" + b"r" + struct.pack("<I", 0x3FFFFFFF) + b".",
    "bytes of 8 EiB": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b".",
    "a text of 1 TiB": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 40) + b"x.",
    "a bytearray of 100 GiB": b"\x80\x05\x96" + struct.pack("<Q", 100 << 30) + b"x.",
    "a frame of 1 TiB": b"\x80\x04\x95" + struct.pack("<Q", 1 << 40) + b"N.",
}


@pytest.mark.parametrize("case", GREEDY)
def test_memory_out_of_all_proportion_is_not_given(case: str, tmp_path: Path) -> None:
    (tmp_path / "bad.pkl").write_bytes(GREEDY[case])
    with pytest.raises(InputError, match=r"bad\.pkl is (refused: it requires far more memory|not a pickle)"):
        read_frame(tmp_path / "bad.pkl", WANTED)


def remembered(path: Path = PICKLES[0]) -> Any:
    with path.open("rb") as file:
        return pickles._Unpickler(file).load()


def texts_block(frame: Any) -> Any:
    """The first block of objects; its array's state is (version, shape, dtype, Fortran order, items)."""
    blocks = frame.state["_mgr"].args[0]
    return next(block for block in blocks if block.args[0].called == "_reconstruct")


def with_shape(*shape: Any) -> Callable[[Any], None]:
    def change(frame: Any) -> None:
        array = texts_block(frame).args[0]
        array.state = (1, shape, *array.state[2:])

    return change


def with_places(*places: Any) -> Callable[[Any], None]:
    def change(frame: Any) -> None:
        block = texts_block(frame)
        block.args[1].args = places
        block.args[1].called = "slice"

    return change


def with_names(names: list[Any]) -> Callable[[Any], None]:
    def change(frame: Any) -> None:
        array = frame.state["_mgr"].args[1][0].args[1]["data"]
        array.state = (1, (len(names),), array.state[2], False, names)

    return change


CONTRARY = {
    "more rows than items": with_shape(1, 10**12),
    "columns without rows": with_shape(10**12, 0),
    "rows that are no number": with_shape(1, "many"),
    "three dimensions": with_shape(1, 2, 3),
    "no dimension": with_shape(),
    "a column far out": with_places(0, 10**12, 1),
    "columns counted down for ever": with_places(0, -(10**12), -1),
    "columns in steps of none": with_places(0, 3, 0),
    "names that are no texts": with_names([1] * 10),
    "too few names": with_names(["tok_input", "output"]),
    "no manager": lambda frame: frame.state.clear(),
    "a state that is no dict": lambda frame: frame.__setstate__([1]),
    "no state": lambda frame: frame.__setstate__(None),
    "a manager of the wrong kind": lambda frame: frame.state.update(_mgr=frame),
}


@pytest.mark.parametrize("case", CONTRARY)
def test_a_frame_that_contradicts_itself_is_refused_in_no_time(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = remembered()
    CONTRARY[case](frame)
    monkeypatch.setattr(pickles._Unpickler, "load", lambda self: frame)
    with pytest.raises(InputError, match="does not hold a data frame that can be read"):
        read_frame(PICKLES[0], WANTED)


NO_FRAMES = {
    "a number": pickle.dumps(3),
    "a list": pickle.dumps([[1, 2]]),
    "a slice": pickle.dumps(slice(1, 2)),
    "cut short": PICKLES[0].read_bytes()[:-40],
    "empty": b"",
    "text": b"tok_input,output\n1,2\n",
    "deeply nested": b"\x80\x02" + b"(" * 200_000 + b"t" * 200_000 + b".",
}


@pytest.mark.parametrize("case", NO_FRAMES)
def test_what_is_no_frame_is_said_to_be_none(case: str, tmp_path: Path) -> None:
    (tmp_path / "bad.pkl").write_bytes(NO_FRAMES[case])
    with pytest.raises(InputError, match=r"not a pickle of a data frame|does not hold a data frame"):
        read_frame(tmp_path / "bad.pkl", WANTED)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_frame(tmp_path / "nowhere.pkl", WANTED)


def test_damaged_bytes_are_never_a_traceback(tmp_path: Path) -> None:
    import random

    rng = random.Random(3)
    whole = next(path for path in PICKLES if path.stem.endswith("protocol-4")).read_bytes()
    refused = 0
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        (tmp_path / "bad.pkl").write_bytes(data)
        try:
            read_frame(tmp_path / "bad.pkl", WANTED)
        except InputError:
            refused += 1
    assert refused > 50
