"""MLCommons' data files: comparison with the published ones, statistics, and conversion to the harness's format."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from submitter.datasets.official import OfficialFile, by_sha256, official_files
from submitter.datasets.source import SourceKind, SourceSamples, kind_of, read_source
from submitter.errors import InputError
from submitter.harness.dataset import Dataset, DatasetHeader, write_dataset
from submitter.input_file import require_file
from submitter.record import sha256_of

_PERCENTILES = (50, 90, 99)


@dataclass(frozen=True)
class Check:
    """One check of a file: whether it passed, and what it found."""

    passed: bool
    text: str


@dataclass(frozen=True, kw_only=True)
class Stats:
    """The number of samples, and the lengths of their prompts in tokens.

    `total` is the sum of all lengths. `percentiles` maps 50, 90 and 99 to lengths, by the nearest-rank method.
    """

    sample_count: int
    total: int
    shortest: int
    percentiles: dict[int, int]
    longest: int

    @property
    def mean(self) -> float:
        return self.total / self.sample_count


def verify(path: Path) -> Iterator[Check]:
    """Compare a published file, or one that `convert` made, with the known facts, whatever its name is.

    InputError if it cannot be read, and has not the name of a published file: then it is wrong.
    """
    if kind_of(_file(path)) is SourceKind.CONVERTED:
        yield from _verify_converted(path)
        return
    sha256 = sha256_of(path)
    name, official = _identify(path, sha256)
    try:
        source = read_source(path)
    except InputError as error:
        if official is None:
            raise
        yield from _checksums(path, sha256, name, official)
        yield Check(False, error.message)
        return
    if official is None and (similar := _similar(source)):
        name, official = similar
    yield from _checksums(path, sha256, name, official)
    if official is None:
        yield Check(True, f"{len(source.prompts):,} samples; columns {', '.join(source.columns)}")
        return
    yield _count(len(source.prompts), official)
    missing = [column for column in official.columns if column not in source.columns]
    yield Check(not missing, f"columns: {', '.join(missing)} missing" if missing else f"{len(source.columns)} columns")
    yield from _longest(max(map(len, source.prompts)), official)


def convert(path: Path, output: Path) -> tuple[DatasetHeader, OfficialFile | None]:
    """Convert the data set in `path` to the format that a campaign uses; also returns the published file, if it is one.

    InputError if it cannot be read, or has the name of a published file but not its checksum.
    """
    sha256 = sha256_of(_file(path))
    name, official = _identify(path, sha256)
    if official is not None and official.sha256 != sha256:
        raise InputError(
            f"{path} is not the published file of that name: its SHA-256 is {sha256}, not {official.sha256}",
            "download it again; if it is your own data set, give it another name",
        )
    source = read_source(path)
    stem = Path(name).stem
    header = write_dataset(output, stem, source.prompts, source.references, source=name, source_sha256=sha256)
    return header, official


def stats(path: Path) -> Stats:
    """The lengths of the prompts in a published file, or in one that `convert` made."""
    if kind_of(_file(path)) is SourceKind.CONVERTED:
        dataset = Dataset.open(path)
        dataset.verify()
        lengths = sorted(dataset.prompt_lengths())
    else:
        lengths = sorted(map(len, read_source(path).prompts))
    count = len(lengths)
    percentiles = {percent: lengths[-(-count * percent // 100) - 1] for percent in _PERCENTILES}
    return Stats(
        sample_count=count,
        total=sum(lengths),
        shortest=lengths[0],
        percentiles=percentiles,
        longest=lengths[-1],
    )


def _file(path: Path) -> Path:
    require_file(path, "file", f"known files: {', '.join(official_files())}")
    return path


def _identify(path: Path, sha256: str) -> tuple[str, OfficialFile | None]:
    """The published file with this checksum, else with this name; the file's own name and None if there is none."""
    return by_sha256(sha256) or (path.name, official_files().get(path.name))


def _similar(source: SourceSamples) -> tuple[str, OfficialFile] | None:
    """The published file with these columns and as many samples: this may be that file, written again."""
    found = set(source.columns), len(source.prompts)
    files = official_files().items()
    return next(((name, file) for name, file in files if (set(file.columns), file.sample_count) == found), None)


def _checksums(path: Path, sha256: str, name: str, official: OfficialFile | None) -> Iterator[Check]:
    if official is None:
        yield Check(False, f"it is no published file: none has its SHA-256 {sha256}, or its columns and samples")
        return
    if sha256 == official.sha256:
        yield Check(True, f"{official.title}, {name}")
    elif path.name == name:
        yield Check(False, f"it has the name of {official.title}, {name}, but another content")
    else:
        yield Check(False, f"it has the columns and samples of {official.title}, {name}, but another content")
    passed = sha256 == official.sha256
    yield Check(passed, f"SHA-256 {sha256}" + ("" if passed else f", the published file's is {official.sha256}"))
    if official.md5 is not None:
        with path.open("rb") as file:
            md5 = hashlib.file_digest(file, "md5").hexdigest()
        passed = md5 == official.md5
        yield Check(passed, f"MD5 {md5}" + ("" if passed else f", the published file's is {official.md5}"))


def _count(found: int, official: OfficialFile) -> Check:
    passed = found == official.sample_count
    return Check(
        passed, f"{found:,} samples" + ("" if passed else f", the published file has {official.sample_count:,}")
    )


def _longest(found: int, official: OfficialFile) -> Iterator[Check]:
    if official.max_prompt_tokens is not None:
        limit = official.max_prompt_tokens
        yield Check(found <= limit, f"longest prompt {found:,} tokens, the published file's at most {limit:,}")


def _verify_converted(path: Path) -> Iterator[Check]:
    dataset = Dataset.open(path)
    dataset.verify()
    header = dataset.header
    yield Check(True, f"data set {header.name}, SHA-256 {header.sha256}")
    known = by_sha256(header.source_sha256)
    if known is None:
        source = f"{header.source or 'an unnamed source'}, SHA-256 {header.source_sha256 or 'unknown'}"
        yield Check(False, f"its header says that it was made from {source}, which is not a published file")
        return
    name, official = known
    yield Check(True, f"its header says that it was made from {official.title}, {name}")
    yield _count(len(dataset), official)
    yield from _longest(header.max_prompt_tokens, official)
