"""Makes mistakes in copies of ready campaigns, and runs the command line on them."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest import mock

from ready_campaign import Ready, make_ready, make_rehearsal
from without_packages import without_packages

from mistakes.record import BEFORE_ANY_RUN, Base, Mistake
from submitter import scoring
from submitter.errors import SubmitterError

REPOSITORY = Path(__file__).resolve().parents[3]
_WITHOUT_POWER = "-dac_override,-dac_read_search"
_LIMIT_S = 120
_TRY_OUT = scoring.try_out
_DUE = "preflight due "
# What precedes a message in a line that reports one.
_REPORTED = re.compile(r"^(preflight (WRONG|due|not here) +|submitter: (nothing was run: )?)")


class CannotBeMadeHereError(Exception):
    """This machine or user cannot make the mistake."""


@dataclass(frozen=True)
class Outcome:
    """What a command did. Paths in `output` are relative to the campaign's folder."""

    code: int
    output: str
    has_run: bool
    """Whether a session was started."""

    @property
    def lines(self) -> list[str]:
        return self.output.splitlines()

    def line_with(self, words: str) -> str:
        """The whole message that holds `words`; empty if there is none."""
        found = [line for line in self.lines if words in line]
        reported = [line for line in found if _REPORTED.match(line)]
        return _REPORTED.sub("", next(iter(reported or found), "")).strip()


class Workshop:
    """The bases, each made once, and the copies, below one temporary folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._base = cache(self._made)
        self._tried: dict[bytes, str | SubmitterError] = {}

    def _made(self, base: Base) -> Ready:
        if base is Base.READY:
            return make_ready(self._folder / "ready")
        if base is Base.REHEARSAL:
            return make_rehearsal(self._folder / "rehearsal")
        finished = self._base(Base.REHEARSAL).copied(self._folder / "finished")
        outcome = self._run(finished, ("run-all", str(finished.file)))
        assert outcome.code == 0, outcome.output
        return finished

    def copy(self, base: Base) -> Ready:
        """A campaign of its own. Copies of a finished one keep its runs, which do not depend on the folder's name."""
        return self._base(base).copied(Path(tempfile.mkdtemp(dir=self._folder)))

    def outcome(self, mistake: Mistake) -> Outcome:
        """Make the mistake and run its command. CannotBeMadeHereError if this machine or user cannot."""
        made = self.copy(mistake.base)
        try:
            with _undone(mistake.make(made)):
                words = tuple(word.format_map(_Attributes(made)) for word in mistake.words)
                if mistake.needs_own_process:
                    return self._run_apart(mistake, made, words)
                with contextlib.chdir(made.folder) if mistake.in_folder else contextlib.nullcontext():
                    return self._run(made, words)
        finally:
            made.folder.chmod(0o755)
            shutil.rmtree(made.folder, ignore_errors=True)

    def planned(self, base: Base) -> Outcome:
        """What `plan` says about a base without a mistake."""
        made = self.copy(base)
        return self._run(made, ("plan", str(made.file)))

    def _run(self, made: Ready, words: tuple[str, ...]) -> Outcome:
        from submitter import cli

        before = _runs(made)
        with (
            io.StringIO() as text,
            mock.patch.object(sys, "argv", ["submitter", *words]),
            mock.patch.object(scoring, "try_out", self._try_out),
            contextlib.redirect_stdout(text),
            contextlib.redirect_stderr(text),
        ):
            try:
                cli.main()
                code: object = 0
            except SystemExit as ended:
                code = ended.code
            return Outcome(int(str(code)), _shortened(text.getvalue(), made), _runs(made) != before)

    def _try_out(self, tokenizer_folder: Path) -> str:
        """`scoring.try_out` once for each tokenizer: its processes take longer than all the rest of a plan."""
        file = tokenizer_folder / "tokenizer.json"
        tokenizer = file.read_bytes() if file.is_file() else b""
        if tokenizer not in self._tried:
            try:
                self._tried[tokenizer] = _TRY_OUT(tokenizer_folder)
            except SubmitterError as error:
                self._tried[tokenizer] = error
        outcome = self._tried[tokenizer]
        if isinstance(outcome, SubmitterError):
            raise outcome
        return outcome

    def _run_apart(self, mistake: Mistake, made: Ready, words: tuple[str, ...]) -> Outcome:
        """In a process of its own, with other packages or as another user."""
        before = _runs(made)
        with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            command = [sys.executable, "-m", "submitter.cli", *words]
            if mistake.is_unprivileged and os.geteuid() == 0:
                if not shutil.which("setpriv"):
                    raise CannotBeMadeHereError("setpriv is not installed, and root may read and write everything")
                user = f"--bounding-set={_WITHOUT_POWER}", f"--inh-caps={_WITHOUT_POWER}"
                command = ["setpriv", *user, *command]
            done = subprocess.run(
                command,
                cwd=made.folder if mistake.in_folder else self._folder,
                env=_environment(Path(scratch), mistake),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=_LIMIT_S,
                check=False,
            )
        return Outcome(done.returncode, _shortened(done.stdout, made), _runs(made) != before)


def problems(mistake: Mistake, outcome: Outcome) -> list[str]:
    """How the outcome differs from what the mistake's row requires; empty if it does not."""
    text = " ".join(outcome.output.split())
    found = []
    if outcome.code != mistake.required_code:
        found.append(f"exit code {outcome.code}, required {mistake.required_code}")
    if mistake.is_due and not any(line.startswith(_DUE) and mistake.message in line for line in outcome.lines):
        found.append("not listed as due")
    found += [
        f"not in the output: {words!r}"
        for words in (mistake.message, mistake.remedy, *mistake.also)
        if " ".join(words.split()) not in text
    ]
    found += [f"{words!r} in the output" for words in ("Traceback", "internal error") if words in text]
    if mistake.stage in BEFORE_ANY_RUN and outcome.has_run:
        found.append("a run was started")
    return found


class _Attributes(Mapping[str, object]):
    """The properties of a campaign by name, for `str.format_map`."""

    def __init__(self, made: Ready) -> None:
        self._made = made

    def __getitem__(self, name: str) -> object:
        return getattr(self._made, name)

    def __iter__(self) -> Iterator[str]:
        return iter(vars(self._made))

    def __len__(self) -> int:
        return len(vars(self._made))


@contextlib.contextmanager
def _undone(made: object) -> Iterator[None]:
    """What a mistake returns is a context that ends it, if it needs one: a lock, a mount."""
    if isinstance(made, contextlib.AbstractContextManager):
        with made:
            yield
    else:
        yield


def _runs(made: Ready) -> set[Path]:
    """The records of finished runs, and the logs of engines that were started."""
    return {*made.output.glob("runs/**/record.json"), *made.output.glob("engine/**/*")}


def _environment(scratch: Path, mistake: Mistake) -> dict[str, str]:
    """An environment in which distributions are missing, have other versions, or modules cannot be imported."""
    for module in mistake.broken:
        (scratch / f"{module}.py").write_text('raise ImportError("undefined symbol: _ZN7mlperf")\n')
    for name, version in mistake.installed.items():
        facts = scratch / f"{name.replace('-', '_')}-{version}.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return without_packages(scratch, mistake.missing)


def _shortened(text: str, made: Ready) -> str:
    """The text without the names of temporary folders."""
    text = text.replace(f"{made.folder.resolve()}/", "").replace(f"{made.folder}/", "")
    return text.replace(str(made.folder), ".").replace(f"{REPOSITORY}/", "")
