"""MLCommons' files: verified against what is published of them, measured, and converted into what a campaign runs."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from make_pickles import row

from submitter import datasets
from submitter.datasets import official
from submitter.datasets.source import read_source
from submitter.errors import InputError
from submitter.harness.dataset import Dataset
from submitter.rulebook import load_rulebook

ORCA = Path(__file__).parent / "pickles" / "pandas-1.5.3.pkl"
ORCA_NAME = "open_orca_gpt4_tokenized_llama.sampled_24576.pkl"


def article(rng: random.Random, number: int) -> dict[str, Any]:
    """A row as download_cnndm.py makes it."""
    return {
        "instruction": {"llama": "Summarize the following news article"},
        "input": f"Article {number} – “quoted”.\nIt went on.",
        "tok_input": [128000, *(rng.randrange(128000) for _ in range(rng.randint(60, 200)))],
        "output": f"Highlight {number} .\nAnother one .",
    }


def write_articles(path: Path, count: int) -> list[dict[str, Any]]:
    rng = random.Random(count)
    rows = [article(rng, number) for number in range(count)]
    path.write_text(json.dumps(rows, indent=4, ensure_ascii=False), "utf-8")
    return rows


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small stand-in for the OpenOrca set, published: its checksums, count and longest prompt are the known ones."""
    path = tmp_path / ORCA_NAME
    path.write_bytes(ORCA.read_bytes())
    facts = official.official_files()[ORCA_NAME]
    known = msgspec.structs.replace(
        facts,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        md5=hashlib.md5(path.read_bytes()).hexdigest(),
        sample_count=12,
        max_prompt_tokens=18,
    )
    files = {**official.official_files(), ORCA_NAME: known}
    monkeypatch.setattr(official, "official_files", lambda: files)
    monkeypatch.setattr(datasets, "official_files", lambda: files)
    return path


def wrong(path: Path) -> list[str]:
    return [check.text for check in datasets.verify(path) if not check.passed]


def test_the_known_files_are_those_of_the_two_benchmarks() -> None:
    files = official.official_files()
    assert files[ORCA_NAME].md5 == "5fe8be0a7ce5c3c9a028674fd24b00d5"
    book = load_rulebook("v6.1")
    assert files[ORCA_NAME].sample_count == book.benchmark("llama2-70b-99.9").dataset_size
    assert files["cnn_eval.json"].sample_count == book.benchmark("llama3.1-8b").dataset_size
    assert files["sample_cnn_eval_5000.json"].sample_count == book.benchmark("llama3.1-8b-edge").dataset_size
    assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in files.values())
    assert len({file.sha256 for file in files.values()}) == len(files) == 5
    assert all({"tok_input", "output"} <= set(file.columns) for file in files.values())


def test_a_published_file_is_right(published: Path) -> None:
    assert [check.text for check in datasets.verify(published)][:3] == [
        f"llama2-70b's data set, OpenOrca, {ORCA_NAME}",
        f"SHA-256 {hashlib.sha256(published.read_bytes()).hexdigest()}",
        f"MD5 {hashlib.md5(published.read_bytes()).hexdigest()}",
    ]
    assert wrong(published) == []


def test_a_published_file_is_known_by_any_name(published: Path) -> None:
    """The reference's README has one rename it to processed-data.pkl."""
    renamed = published.rename(published.with_name("processed-data.pkl"))
    assert wrong(renamed) == []
    header, facts = datasets.convert(renamed, renamed.with_name("out.safetensors"))
    assert facts is not None
    assert header.source == ORCA_NAME


def test_another_file_of_a_published_name_is_wrong_in_all_that_differs(tmp_path: Path) -> None:
    path = tmp_path / ORCA_NAME
    path.write_bytes(ORCA.read_bytes())
    found = wrong(path)
    assert len(found) == 4
    assert found[0] == f"it has the name of llama2-70b's data set, OpenOrca, {ORCA_NAME}, but another content"
    assert "the published file's is b64e66e5" in found[1]
    assert "the published file's is 5fe8be0a" in found[2]
    assert found[3] == "12 samples, the published file has 24,576"


@pytest.mark.parametrize("name", ["data", "data.json", "data.safetensors", "cnn_eval.json"])
def test_a_published_file_is_known_by_its_content_under_a_name_of_another_kind(published: Path, name: str) -> None:
    renamed = published.rename(published.with_name(name))
    assert wrong(renamed) == []
    assert datasets.stats(renamed).sample_count == 12


def test_a_published_file_that_was_written_again_is_known_by_its_columns_and_samples(
    published: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    columns = official.official_files()[ORCA_NAME].columns
    rows = [dict.fromkeys(columns, "") | {"tok_input": [1], "output": "x" * number} for number in range(12)]
    again.write_text(json.dumps(rows))
    found = wrong(again)
    assert (
        found[0]
        == f"it has the columns and samples of llama2-70b's data set, OpenOrca, {ORCA_NAME}, but another content"
    )
    assert len(found) == 3  # and both checksums


@pytest.mark.parametrize("content", [b"", b"\x80\x04garbage", b"{}", b"hello"])
def test_garbage_of_a_published_name_is_wrong(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cnn_eval.json"
    path.write_bytes(content)
    found = wrong(path)
    assert "it has the name of llama3.1-8b's data set" in found[0]
    assert "the published file's is 6d066a21" in found[1]
    assert len(found) == 3
    with pytest.raises(InputError):
        list(datasets.verify(path.rename(tmp_path / "mine.json")))


def test_a_converted_file_is_known_under_any_name(published: Path, tmp_path: Path) -> None:
    datasets.convert(published, tmp_path / "out.safetensors")
    renamed = (tmp_path / "out.safetensors").rename(tmp_path / "out.pkl")
    texts = [check.text for check in datasets.verify(renamed) if check.passed]
    assert f"its header says that it was made from llama2-70b's data set, OpenOrca, {ORCA_NAME}" in texts
    assert wrong(renamed) == []


def test_a_compressed_file_is_known_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "x.pkl").write_bytes(gzip.compress(b"x"))
    with pytest.raises(InputError, match="is compressed"):
        list(datasets.verify(tmp_path / "x.pkl"))


def test_missing_columns_and_long_prompts_are_wrong(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = official.official_files()[ORCA_NAME]
    changed = msgspec.structs.replace(known, columns=(*known.columns, "colour"), max_prompt_tokens=17)
    monkeypatch.setattr(official, "official_files", lambda: {ORCA_NAME: changed})
    assert wrong(published) == ["columns: colour missing", "longest prompt 18 tokens, the published file's at most 17"]


def test_a_file_of_no_known_name_is_measured_and_called_unknown(tmp_path: Path) -> None:
    write_articles(tmp_path / "mine.json", 3)
    checks = list(datasets.verify(tmp_path / "mine.json"))
    assert [check.passed for check in checks] == [False, True]
    assert checks[1].text == "3 samples; columns instruction, input, tok_input, output"


def test_conversion_keeps_every_token_and_every_reference(published: Path, tmp_path: Path) -> None:
    output = tmp_path / "orca.safetensors"
    header, facts = datasets.convert(published, output)
    assert facts is not None
    dataset = Dataset.open(output)
    dataset.verify()
    source = read_source(published)
    assert [dataset.prompt(index) for index in range(len(dataset))] == source.prompts
    assert sorted(dataset.prompt(0)) == sorted(row((dataset.prompt(0)[1] - 300) // 100)["tok_input"])
    assert dataset.references() == source.references
    assert header == dataset.header
    assert header.name == "open_orca_gpt4_tokenized_llama.sampled_24576"
    assert header.source_sha256 == hashlib.sha256(published.read_bytes()).hexdigest()
    assert wrong(output) == []


def test_conversion_of_json(tmp_path: Path) -> None:
    rows = write_articles(tmp_path / "articles.json", 20)
    header, facts = datasets.convert(tmp_path / "articles.json", tmp_path / "out.safetensors")
    assert facts is None
    dataset = Dataset.open(tmp_path / "out.safetensors")
    assert [dataset.prompt(index) for index in range(20)] == [one["tok_input"] for one in rows]
    assert dataset.references() == [one["output"] for one in rows]
    assert header.name == "articles"
    assert wrong(tmp_path / "out.safetensors")[0].endswith("which is not a published file")


def test_another_file_of_a_published_name_is_not_converted(tmp_path: Path) -> None:
    write_articles(tmp_path / "cnn_eval.json", 3)
    with pytest.raises(InputError, match="is not the published file of that name") as error:
        datasets.convert(tmp_path / "cnn_eval.json", tmp_path / "out.safetensors")
    assert "another name" in error.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["cnn_eval.json"]


def test_a_converted_file_that_was_cut_or_changed(published: Path, tmp_path: Path) -> None:
    output = tmp_path / "orca.safetensors"
    datasets.convert(published, output)
    data = bytearray(output.read_bytes())
    data[-3] ^= 1
    output.write_bytes(data)
    with pytest.raises(InputError, match="checksum"):
        list(datasets.verify(output))


def test_stats_of_a_source_and_of_what_it_became_are_the_same(tmp_path: Path) -> None:
    rows = write_articles(tmp_path / "articles.json", 200)
    datasets.convert(tmp_path / "articles.json", tmp_path / "out.safetensors")
    found = datasets.stats(tmp_path / "articles.json")
    assert found == datasets.stats(tmp_path / "out.safetensors")
    lengths = sorted(len(one["tok_input"]) for one in rows)
    assert (found.sample_count, found.total) == (200, sum(lengths))
    assert (found.shortest, found.longest) == (lengths[0], lengths[-1])
    assert found.percentiles == {50: lengths[99], 90: lengths[179], 99: lengths[197]}
    assert found.mean == sum(lengths) / 200


def test_stats_of_one_sample(tmp_path: Path) -> None:
    write_articles(tmp_path / "one.json", 1)
    found = datasets.stats(tmp_path / "one.json")
    assert set(found.percentiles.values()) == {found.shortest} == {found.longest} == {found.total}


def sample(**changes: Any) -> dict[str, Any]:
    return {"tok_input": [1, 2], "output": "yes", **changes}


NO_SOURCES = {
    "no JSON": ("x.json", "tok_input,output", "is not a JSON list"),
    "one object": ("x.json", "{}", "is not a JSON list"),
    "a list of numbers": ("x.json", "[1]", "is not a JSON list"),
    "no sample": ("x.json", "[]", "has no samples"),
    "deeply nested": ("x.json", "[" * 100_000, "is not a JSON list"),
    "no prompts": ("x.json", json.dumps([{"output": "x", "text": "y"}]), "has no column 'tok_input'"),
    "no references": ("x.json", json.dumps([{"tok_input": [1]}]), "has no column 'output'"),
    "a row that lacks its reference": ("x.json", json.dumps([sample(), {"tok_input": [1]}]), "has no column 'output'"),
    "a prompt of text": ("x.json", json.dumps([sample(), sample(tok_input="1 2")]), "row 1: 'tok_input' is not"),
    "a prompt of fractions": ("x.json", json.dumps([sample(tok_input=[1.5])]), "row 0: 'tok_input' is not"),
    "a prompt of truths": ("x.json", json.dumps([sample(tok_input=[True])]), "row 0: 'tok_input' is not"),
    "an empty prompt": ("x.json", json.dumps([sample(tok_input=[])]), "row 0: 'tok_input' is not"),
    "a negative token": ("x.json", json.dumps([sample(tok_input=[-1])]), "row 0: 'tok_input' is not"),
    "a reference that is no text": ("x.json", json.dumps([sample(output=None)]), "row 0: 'output' is not a text"),
    "a compressed file": ("x.pkl.gz", "\x1f", "is compressed"),
    "a pickle by name only": ("x.pkl", "hello", "is not a pickle of a data frame"),
}


@pytest.mark.parametrize("case", NO_SOURCES)
def test_what_is_no_data_set_is_refused(case: str, tmp_path: Path) -> None:
    name, content, message = NO_SOURCES[case]
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError) as error:
        datasets.convert(tmp_path / name, tmp_path / "out.safetensors")
    assert message in error.value.message
    assert "\n" not in error.value.message
    assert not (tmp_path / "out.safetensors").exists()


def test_a_token_beyond_int32_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps([sample(tok_input=[1 << 31])]))
    with pytest.raises(InputError, match="not a list of token ids"):
        datasets.convert(tmp_path / "x.json", tmp_path / "out.safetensors")


def test_rows_that_are_the_same_object_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two bytes of a pickle can stand for a long list once more: the converted file would fill the disk."""
    from submitter.datasets import source
    from submitter.datasets.pickles import Frame

    long = [1] * 5000
    frame = Frame(("tok_input", "output"), 100, {"tok_input": [long] * 100, "output": ["x"] * 100})
    monkeypatch.setattr(source, "read_frame", lambda path, wanted: frame)
    (tmp_path / "x.pkl").write_bytes(b"x" * 20_000)
    with pytest.raises(InputError, match="500,000 tokens in 20,000 bytes"):
        read_source(tmp_path / "x.pkl")


@pytest.mark.parametrize("command", [datasets.stats, lambda path: list(datasets.verify(path))])
def test_a_file_that_is_not_there(command: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file") as error:
        command(tmp_path / "nowhere.pkl")
    assert ORCA_NAME in error.value.hint
