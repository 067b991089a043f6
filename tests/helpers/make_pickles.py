"""Makes the pickles in `pickles/`: frames of the shape of MLCommons' OpenOrca set, as a pandas of its time writes them.

    python make_pickles.py FOLDER        (with the pandas to write with; done with 1.5.3 and 2.2.3, numpy 1.26)

The rows come about as in processorca.py: split by origin, sampled, joined, renumbered; so do the blocks of the frame.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ORIGINS = ("cot", "niv", "flan", "t0")
COLUMNS = "id system_prompt question output input tok_input tok_output origin tok_input_length tok_output_length"


def row(number: int) -> dict[str, Any]:
    """One sample; everything in it follows from its number, so tests know what a file must hold."""
    origin = ORIGINS[number % 4]
    question = f"What is {number} – “times” two?"
    prompt = [1, *range(100 * number + 300, 100 * number + 305 + number), 29871]
    answer = [1, *range(number + 3, number + 6)]
    values = [
        f"{origin}.{number}",
        "" if number % 3 else "You are an assistant.",
        question,
        f"It is {2 * number}.\nTwice.",
    ]
    values += [f"<s>[INST] {question} [/INST]", prompt, answer, origin, len(prompt), len(answer)]
    return dict(zip(COLUMNS.split(), values, strict=True))


def main() -> None:
    import pandas as pd

    folder, version = Path(sys.argv[1]), f"pandas-{pd.__version__}"
    by_origin = [frame for _, frame in pd.DataFrame([row(n) for n in range(12)]).groupby("origin")]
    frame = pd.concat([part.sample(n=3, random_state=1337) for part in by_origin]).reset_index(drop=True)
    frame.to_pickle(folder / f"{version}.pkl")
    some = frame.sample(n=3, random_state=12345)
    some.to_pickle(folder / f"{version}-own-index.pkl")
    some.reset_index(drop=True).to_pickle(folder / f"{version}-protocol-4.pkl", protocol=4)


if __name__ == "__main__":
    main()
