"""Encryption with age: whole files for the right key, nothing for anybody else, and nothing of what was changed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from shutil import which

import pytest

from submitter import packages
from submitter.archive import encryption
from submitter.archive.encryption import decrypt, encrypt
from submitter.errors import InputError, NotInstalledError, SubmitterError

pyrage = pytest.importorskip("pyrage")

CONTENT = bytes(range(256)) * 800  # 200 KiB: four chunks of age's 64 KiB


@pytest.fixture
def key(tmp_path: Path) -> pyrage.x25519.Identity:
    identity = pyrage.x25519.Identity.generate()
    write_key(tmp_path / "key.txt", f"# created by a test\n# public key: {identity.to_public()}\n{identity}\n")
    return identity


@pytest.fixture
def sealed(tmp_path: Path, key: pyrage.x25519.Identity) -> Path:
    (tmp_path / "plain.tar").write_bytes(CONTENT)
    encrypt(tmp_path / "plain.tar", tmp_path / "sealed.age", [str(key.to_public())])
    return tmp_path / "sealed.age"


def write_key(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def decrypted(source: Path, identity: Path) -> bytes:
    with tempfile.TemporaryFile() as target:
        decrypt(source, target, identity)
        target.seek(0)
        return target.read()


def test_what_is_encrypted_comes_back_for_its_key_alone(tmp_path: Path, sealed: Path) -> None:
    assert CONTENT[:256] not in sealed.read_bytes()
    assert encryption.is_encrypted(sealed)
    assert not encryption.is_encrypted(tmp_path / "plain.tar")
    assert decrypted(sealed, tmp_path / "key.txt") == CONTENT
    other = write_key(tmp_path / "other.txt", str(pyrage.x25519.Identity.generate()))
    with pytest.raises(InputError) as refused:
        decrypted(sealed, other)
    assert refused.value.message == f"{sealed} is not encrypted to a key of {other}"


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_keys_of_ssh_and_files_of_recipients(tmp_path: Path, key: pyrage.x25519.Identity, kind: str) -> None:
    if not which("ssh-keygen"):
        pytest.skip("ssh-keygen makes the keys of this test")
    ssh = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", ssh], check=True)
    (tmp_path / "recipients").write_text(f"# who receives it\n\n{key.to_public()}\n{(tmp_path / 'id.pub').read_text()}")
    (tmp_path / "plain").write_bytes(b"both can read this")
    encrypt(tmp_path / "plain", tmp_path / "sealed", [str(tmp_path / "recipients")])
    assert decrypted(tmp_path / "sealed", ssh) == b"both can read this"
    assert decrypted(tmp_path / "sealed", tmp_path / "key.txt") == b"both can read this"
    encrypt(tmp_path / "plain", tmp_path / "sealed", [(tmp_path / "id.pub").read_text()])
    assert decrypted(tmp_path / "sealed", ssh) == b"both can read this"


def test_plain_age_decrypts_it_and_we_decrypt_its_files(tmp_path: Path, sealed: Path) -> None:
    """Another implementation (Debian's package `age`, in Go) reads the same format."""
    if not which("age"):
        pytest.skip("age is not installed")
    command = ["age", "--decrypt", "--identity", tmp_path / "key.txt", sealed]
    assert subprocess.run(command, check=True, capture_output=True).stdout == CONTENT
    (tmp_path / "plain").write_bytes(b"from elsewhere")
    recipient = (tmp_path / "key.txt").read_text().split("public key: ")[1].split()[0]
    command = ["age", "--encrypt", "--recipient", recipient, "--output", tmp_path / "theirs.age", tmp_path / "plain"]
    subprocess.run(command, check=True)
    assert decrypted(tmp_path / "theirs.age", tmp_path / "key.txt") == b"from elsewhere"


def test_a_change_anywhere_is_refused(tmp_path: Path, sealed: Path) -> None:
    """Each byte of the header, the first and last of each chunk and some inside, the end."""
    whole = sealed.read_bytes()
    header = whole.index(b"\n--- ") + len("\n--- ") + 44 + 16  # the header, its seal and the nonce
    chunks = range(header, len(whole), 65552)
    inside = {at + step for at in chunks for step in (0, 1, 4000, 65535, 65536, 65551)} | {len(whole) - 1}
    changed = tmp_path / "changed.age"
    for at in [*range(header), *sorted(at for at in inside if at < len(whole))]:
        changed.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(InputError):
            decrypted(changed, tmp_path / "key.txt")
    for length in (0, 1, 22, header // 2, header, *chunks, len(whole) - 1):  # also cut exactly between two chunks
        changed.write_bytes(whole[:length])
        with pytest.raises(InputError):
            decrypted(changed, tmp_path / "key.txt")
    for more in (b"\0", b"x" * 70_000, whole):
        changed.write_bytes(whole + more)
        with pytest.raises(InputError, match="was changed or cut short since it was encrypted"):
            decrypted(changed, tmp_path / "key.txt")
    without_a_chunk = whole[: chunks[1]] + whole[chunks[2] :]
    changed.write_bytes(without_a_chunk)
    with pytest.raises(InputError, match="was changed or cut short since it was encrypted"):
        decrypted(changed, tmp_path / "key.txt")


def test_a_file_that_is_not_encrypted_is_named(tmp_path: Path, key: pyrage.x25519.Identity) -> None:
    (tmp_path / "plain.age").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"plain\.age is not encrypted with age"):
        decrypted(tmp_path / "plain.age", tmp_path / "key.txt")


SECRET = str(pyrage.x25519.Identity.generate())


@pytest.mark.parametrize(
    ("recipients", "says"),
    [
        ([], "no recipient is given to encrypt to"),
        (["age1abc"], "the recipient age1abc... is not a public key that age encrypts to"),
        (["ecdsa-sha2-nistp256 AAAAE2VjZHNh"], "the recipient ecdsa-sha2-nistp256 ... is not a public key"),
        ([SECRET], "a secret key is given as a recipient"),
        ([SECRET.lower()], "a secret key is given as a recipient"),
        (["missing"], "missing: it does not exist"),
        (["empty"], "empty has no recipient"),
        (["secret"], "secret holds a secret key, and a recipient is a public one"),
        (["second_line"], "second_line:2 is not a public key that age encrypts to"),
        (["huge"], "huge is too large for a file of keys"),
        (["."], "."),
        (["a\0b"], "the path of a key file has a NUL character"),
    ],
)
def test_a_wrong_recipient_is_one_line_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipients: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    public = pyrage.x25519.Identity.generate().to_public()
    Path("empty").write_text("# nobody\n")
    Path("secret").write_text(f"# mine\n{SECRET}\n")
    Path("second_line").write_text(f"{public}\nsomebody\n")
    Path("huge").write_bytes(b"#" * (2 << 20))
    Path("plain").write_bytes(b"content")
    with pytest.raises(InputError) as refused:
        encrypt(Path("plain"), Path("sealed"), recipients)
    message = f"{refused.value.message} {refused.value.hint}"
    assert message.startswith(says)
    assert "\n" not in message
    assert SECRET[16:40].lower() not in message.lower()
    assert not list(tmp_path.glob("*sealed*"))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda file: file.chmod(0o640), "others may read or change the secret key in"),
        (lambda file: file.chmod(0o602), "others may read or change the secret key in"),
        (lambda file: file.write_text("AGE-SECRET-KEY-1QQQQSECRETSECRET"), "has no secret key of age or SSH"),
        (lambda file: file.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nSECRETSECRET\n"), "has no secret key of"),
        (lambda file: file.write_bytes(b"\xff\0SECRETSECRET" * 9), "has no secret key of age or SSH"),
        (lambda file: file.write_text(""), "has no secret key of age or SSH that can decrypt"),
        (lambda file: file.unlink(), "it does not exist"),
        (lambda file: (file.unlink(), file.mkdir()), "it is a folder"),
    ],
)
def test_a_wrong_identity_is_one_line_without_secrets(
    tmp_path: Path, sealed: Path, make: Callable[[Path], object], says: str
) -> None:
    make(tmp_path / "key.txt")
    with pytest.raises(InputError) as refused:
        decrypted(sealed, tmp_path / "key.txt")
    message = f"{refused.value.message} {refused.value.hint}"
    assert says in message
    assert str(tmp_path / "key.txt") in message
    assert "SECRETSECRET" not in message
    assert "\n" not in message


def test_an_ssh_key_with_a_passphrase_is_named(tmp_path: Path, sealed: Path) -> None:
    if not which("ssh-keygen"):
        pytest.skip("ssh-keygen makes the key of this test")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "pass", "-f", tmp_path / "id"], check=True)
    with pytest.raises(InputError, match=r"the secret key in .*/id has a passphrase"):
        decrypted(sealed, tmp_path / "id")


def test_without_the_library_a_line_says_what_installs_it(
    tmp_path: Path, sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyrage", None)
    monkeypatch.setattr(packages, "version_of", lambda package: "")
    with pytest.raises(
        NotInstalledError, match="encryption needs the package pyrage, which is not installed"
    ) as missing:
        decrypted(sealed, tmp_path / "key.txt")
    assert missing.value.hint == packages.install_command(packages.ENCRYPTION)


def test_a_full_disk_leaves_nothing_and_is_one_line(tmp_path: Path, key: pyrage.x25519.Identity, sealed: Path) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(SubmitterError, match="the disk is full"):
        decrypt(sealed, full, tmp_path / "key.txt")


class Interrupted:
    """A file that is being written when the user presses Ctrl-C."""

    def write(self, content: bytes) -> int:
        raise KeyboardInterrupt


def test_an_interrupt_arrives_as_one(tmp_path: Path, sealed: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        decrypt(sealed, Interrupted(), tmp_path / "key.txt")  # type: ignore[arg-type]


def test_a_failed_encryption_leaves_the_old_file_and_no_other(tmp_path: Path, sealed: Path) -> None:
    before, files = sealed.read_bytes(), sorted(tmp_path.iterdir())
    recipient = (tmp_path / "key.txt").read_text().split("public key: ")[1].split()[0]
    with pytest.raises(InputError, match="missing: it does not exist"):
        encrypt(tmp_path / "missing", sealed, [recipient])
    with pytest.raises(InputError, match="nowhere"):
        encrypt(tmp_path / "plain.tar", tmp_path / "nowhere" / "sealed.age", [recipient])
    assert sealed.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == files
