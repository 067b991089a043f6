"""Archives encrypted with age (https://age-encryption.org/v1): by anyone who has the public key, for its owner alone.

The format: a random key a file, wrapped for each recipient (X25519, or an SSH key); the content in chunks of 64 KiB,
each sealed with ChaCha20-Poly1305, numbered, the last one marked; the header sealed, too. So a file that was changed,
cut short, or had something appended does not decrypt. Who encrypted it is not known: anyone with the public key can.

The receiver needs nothing of ours: `age --decrypt --identity KEY -o FILE FILE.age` does the same as `decrypt`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from submitter import packages
from submitter.errors import InputError, from_os_error
from submitter.quoting import printable

SUFFIX = ".age"
"""How the name of an encrypted file ends."""
_MAGIC = b"age-encryption.org/v1\n"
_KEY_FILE_LIMIT_BYTES = 1 << 20
_SECRET_MARKS = ("AGE-SECRET-KEY-", "PRIVATE KEY-----")
_HOW_TO_MAKE = "age-keygen -o KEY makes a key; its public half begins with age1"


def is_encrypted(path: Path) -> bool:
    """Whether a file is encrypted with age, by its first bytes. OSError if it cannot be read."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def require_recipients(recipients: Sequence[str]) -> None:
    """InputError if `encrypt` could not encrypt to these recipients: to be asked before the work of packing."""
    _recipients(recipients)


def encrypt(source: Path, target: Path, recipients: Sequence[str]) -> None:
    """Encrypt a file so that any of the recipients can decrypt it. `target` is whole or does not exist; it is replaced.

    A recipient is a public key of age (`age1...`) or of SSH (`ssh-ed25519 ...` or `ssh-rsa ...`), or the path
    of a file with such keys, one a line. InputError if one is not; NotInstalledError without pyrage.
    """
    keys = _recipients(recipients)
    partial = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with source.open("rb") as plain, partial.open("wb") as sealed:
            _streamed(_pyrage().encrypt_io, plain, sealed, keys)
            sealed.flush()
            os.fsync(sealed.fileno())
        partial.replace(target)
    except OSError as error:
        if error.filename in (None, str(partial)):
            error.filename, error.filename2 = str(target), None
        raise from_os_error(error) from None
    finally:
        partial.unlink(missing_ok=True)


def decrypt(source: Path, target: IO[bytes], identity: Path) -> None:
    """Decrypt a file into an open one. What was written is worth nothing if this raises: give a file without a name.

    `identity` is a file with secret keys of age, or one with a secret key of SSH that has no passphrase. InputError if
    it is not, if others can read it, if none of its keys fits, or if the encrypted file is not as it was written.
    """
    keys = _identities(identity)
    try:
        with source.open("rb") as sealed:
            if sealed.read(len(_MAGIC)) != _MAGIC:
                raise InputError(f"{source} is not encrypted with age", "give an archive that ends in .age")
            sealed.seek(0)
            _streamed(_pyrage().decrypt_io, sealed, target, keys)
    except OSError as error:
        raise from_os_error(error, source) from None
    except _WrongKey:
        raise InputError(
            f"{source} is not encrypted to a key of {identity}", "ask its sender which public key it was encrypted to"
        ) from None
    except _Damaged:
        raise InputError(
            f"{source} was changed or cut short since it was encrypted: nothing of it is used", "get it again"
        ) from None


class _WrongKey(Exception):
    """No identity fits a recipient of the file."""


class _Damaged(Exception):
    """The file is not what was written by `encrypt`."""


class _Watched:
    """A file as pyrage uses it. It keeps what a read or write raised: pyrage makes another exception of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.raised: BaseException | None = None

    def read(self, size: int) -> bytes:
        with self._kept():
            return self.file.read(size)

    def write(self, content: bytes) -> int:
        with self._kept():
            return self.file.write(content)

    def flush(self) -> None:
        with self._kept():
            self.file.flush()

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:  # an interrupt arrives here, too
            self.raised = error
            raise


def _streamed(method: Callable[..., None], source: IO[bytes], target: IO[bytes], keys: Sequence[object]) -> None:
    """Run pyrage's `encrypt_io` or `decrypt_io`. What the files raise arrives as it was."""
    reader, writer = _Watched(source), _Watched(target)
    try:
        method(reader, writer, keys)
    except Exception as error:
        for file in (reader, writer):
            if file.raised:
                raise file.raised from None
        raise (_WrongKey if "No matching keys" in str(error) else _Damaged) from error


def _recipients(given: Sequence[str]) -> list[object]:
    """pyrage's recipients."""
    if not given:
        raise InputError("no recipient is given to encrypt to", _HOW_TO_MAKE)
    found: list[object] = []
    for text in (each.strip() for each in given):
        if any(mark in text.upper() for mark in _SECRET_MARKS):
            raise InputError(
                "a secret key is given as a recipient",
                "give its public half, which begins with age1; the shell's history has the secret one now: replace it",
            )
        if text.startswith(("age1", "ssh-", "ecdsa-", "sk-ssh-")):
            found.append(_recipient(text, f"the recipient {printable(text[:20])}..."))
        else:
            found += _recipients_in(Path(text))
    return found


def _recipients_in(file: Path) -> list[object]:
    content = _key_file(file)
    if any(mark.encode() in content for mark in _SECRET_MARKS):
        raise InputError(
            f"{file} holds a secret key, and a recipient is a public one", "give the file of the public key"
        )
    lines = enumerate(content.decode("utf-8", "replace").splitlines(), 1)
    keys = [(number, line.strip()) for number, line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not keys:
        raise InputError(f"{file} has no recipient", f"write one a line. {_HOW_TO_MAKE}")
    return [_recipient(key, f"{file}:{number}") for number, key in keys]


def _recipient(key: str, where: str) -> object:
    """pyrage's recipient of one public key."""
    pyrage = _pyrage()
    try:
        if key.startswith("ssh-"):
            return pyrage.ssh.Recipient.from_str(key)
        return pyrage.x25519.Recipient.from_str(key)
    except pyrage.RecipientError:
        raise InputError(
            f"{where} is not a public key that age encrypts to",
            f"age1..., ssh-ed25519 ... and ssh-rsa ... are. {_HOW_TO_MAKE}",
        ) from None


def _identities(file: Path) -> list[object]:
    """pyrage's identities of a file that only its owner can read. No message quotes it."""
    content = _key_file(file, is_secret=True)
    pyrage = _pyrage()
    lines = [line.strip() for line in content.splitlines() if line.strip() and not line.lstrip().startswith(b"#")]
    try:
        if content.lstrip().startswith(b"-----BEGIN"):
            return [pyrage.ssh.Identity.from_buffer(content)]
        identities = [pyrage.x25519.Identity.from_str(line.decode("ascii", "replace")) for line in lines]
    except pyrage.IdentityError as error:
        if "decrypted first" in str(error):
            hint = "ssh-keygen -p -N '' -f COPY removes it from a copy; or decrypt with age, which asks for it"
            raise InputError(f"the secret key in {file} has a passphrase", hint) from None
        identities = []
    if not identities:
        raise InputError(
            f"{file} has no secret key of age or SSH that can decrypt",
            "give the file that age-keygen wrote, or an ed25519 or RSA key of SSH",
        )
    return identities


def _key_file(file: Path, *, is_secret: bool = False) -> bytes:
    """A file of keys, which are few."""
    try:
        with file.open("rb") as opened:
            if is_secret:
                _require_private(os.fstat(opened.fileno()), file)
            content = opened.read(_KEY_FILE_LIMIT_BYTES + 1)
    except OSError as error:
        raise from_os_error(error, file) from None
    except ValueError:  # a NUL in the path
        raise InputError("the path of a key file has a NUL character", "check the path") from None
    if len(content) > _KEY_FILE_LIMIT_BYTES:
        raise InputError(f"{file} is too large for a file of keys", "check the path")
    return content


def _require_private(status: os.stat_result, file: Path) -> None:
    """As ssh does: a secret that others can read or replace is none."""
    if status.st_uid not in (os.geteuid(), 0):
        raise InputError(
            f"{file} belongs to another user, who may have replaced the secret key", "use a file of your own"
        )
    if stat.S_ISREG(status.st_mode) and status.st_mode & 0o077:
        raise InputError(f"others may read or change the secret key in {file}", f"chmod 600 {file}")


def _pyrage() -> Any:
    """The library, imported when it is needed."""
    with packages.required(packages.ENCRYPTION, "pyrage"):
        import pyrage

        return pyrage


def missing_identity(path: Path) -> InputError:
    """What to say of an encrypted archive when no secret key is given."""
    return InputError(
        f"{path} is encrypted",
        f"submitter unpack {path} --identity FILE decrypts it with the secret key in FILE; so does age --decrypt",
    )
