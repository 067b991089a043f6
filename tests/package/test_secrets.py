"""What is a secret, what only looks like one, and that a large file costs no memory."""

from __future__ import annotations

import io

import pytest

from submitter.package.secrets import _PIECE_CHARACTERS, SecretScan

SCAN = SecretScan()
# Put together here, so that no scanner finds them in this file.
TOKEN = "h" + "f_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZ01234567"
SECRETS = {
    "Hugging Face token": f"loading with {TOKEN} from the hub",
    "AWS Access Key": "key id AKI" + "A2E0A8F3B244C9986",
    "GitHub Token": "git clone https://gh" + "p_wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx@github.com/a/b",
    "GitHub token": "git" + "hub_pat_" + "a1B2" * 20 + "ab",
    "NVIDIA API key": "nv" + "api-" + "a1-B" * 16,
    "OpenAI API key": "sk" + "-proj-" + "a1B2" * 12,
    "Anthropic API key": "sk" + "-ant-api03-" + "a1B2" * 24,
    "OpenRouter API key": "sk" + "-or-v1-" + "0a1b2c3d" * 8,
    "Google API key": "AI" + "zaSy" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q",
    "age secret key": "AGE-SECRET" + "-KEY-1" + "QPZRY9X8GF" * 5 + "QPZRY9X8",
    "Private Key": "-----BEGIN RSA" + " PRIVATE KEY-----",
    "private key": "-----BEGIN ENCRYPTED" + " PRIVATE KEY-----",
    "Basic Auth Credentials": "https_proxy=http://bob:s3" + "cretpw@proxy.acme.example:3128",
    "Secret Keyword": 'db_password = "corr' + 'ecthorsebattery"',
    "secret in an environment variable": "MY_SERVICE_TOKEN=9f8e7d" + "6c5b4a39",
    "JSON Web Token": "Authorization: Bearer ey"
    + "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9",
}
HARMLESS = [
    "HF_TOKEN=",
    "HF_TOKEN=$HUGGING_FACE_TOKEN",
    "HF_TOKEN=<your token>",
    "HF_TOKEN=/run/secrets/token",
    'OPENROUTER_API_KEY="sk-or-v1-..." bash run.sh',
    "API_KEY=************",
    "MAX_TOKENS=1234567890123",
    "TOKENIZERS_PARALLELISM=false",
    'password = "${PASSWORD}"',
    "password = os.environ['PASSWORD']",
    '{"key": "result_tokens_per_second", "value": 61980.25}',
    ':::MLLOG {"key": "effective_schedule_rng_seed", "value": 3936089224930324775}',
    '{ "seq_id" : 1, "qsl_idx" : 1, "data" : "0B0000000C0000000D00000002000000", "token_count" : 4 }',
    "hash=d3a39dd61347ade405af384702dc19e3774fd2e34cfdeb5e77aec539e0450745",
    "AAAKIA2E0A8F3B244C998600",
    "https://github.com/mlcommons/inference@b66003e1",
    "the secret of a high rate is a large batch",
]


def kinds(text: str) -> set[str]:
    return {kind for _, kind in SCAN.search(io.BytesIO(text.encode()))}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_found_by_its_kind(kind: str) -> None:
    assert kind in kinds(SECRETS[kind] + "\n")


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_secret(text: str) -> None:
    assert kinds(text + "\n") == set()


def test_the_line_is_the_secret_s_own() -> None:
    lines = ["harmless"] * 5 + [TOKEN] + ["harmless"] * 3 + [SECRETS["Secret Keyword"]] + ["harmless"]
    assert SCAN.search(io.BytesIO("\n".join(lines).encode())) == [(6, "Hugging Face token"), (10, "Secret Keyword")]


@pytest.mark.parametrize("before", [_PIECE_CHARACTERS - 20, 3 * _PIECE_CHARACTERS - 5, 2 * _PIECE_CHARACTERS + 7])
@pytest.mark.parametrize("filler", ["x ", "x\n"], ids=["one line", "many lines"])
def test_a_secret_at_the_end_of_a_piece(before: int, filler: str) -> None:
    text = (filler * (before // 2 + 1))[:before] + f" {TOKEN} " + filler * 100
    line = text[:before].count("\n") + 1
    assert SCAN.search(io.BytesIO(text.encode())) == [(line, "Hugging Face token")]


def test_binary_and_other_encodings_are_searched_too() -> None:
    assert SCAN.search(io.BytesIO(b"\xff\xfe\0\n\x80" + TOKEN.encode() + b"\0")) == [(2, "Hugging Face token")]


class _Endless(io.RawIOBase):
    """A file of one line of 8 MiB that counts how much is asked for at once."""

    largest = 0

    def __init__(self) -> None:
        self.left = 8 << 20

    def read(self, size: int = -1) -> bytes:
        self.largest = max(self.largest, size)
        size = min(size, self.left)
        self.left -= size
        return b"a " * (size // 2)

    def readline(self, size: int | None = -1) -> bytes:
        return self.read(size or -1)


def test_a_large_file_is_read_in_pieces() -> None:
    file = _Endless()
    assert SCAN.search(file) == []  # type: ignore[arg-type]
    assert file.left == 0
    assert file.largest == _PIECE_CHARACTERS
