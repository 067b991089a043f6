"""An answer as a server sends it, as server-sent events or as one JSON document: its token ids, counted and verified.

A run must not hide a server's mistake. So an answer is an error if its end is missing, if a token is missing, if it has
tokens of another answer, or if anything in it has a form that is not the API's.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from submitter.errors import RunError
from submitter.harness.environment import masked
from submitter.quoting import printable, shown

MAX_BYTES = 16 << 20
"""Of one answer, or of one event of a stream: tens of bytes for each token are usual."""
_DATA, _EVENT, _DONE = b"data:", b"event:", b"[DONE]"
_LOG = "the server's log says more; then run it again"
_REPORT = "tokens were lost or mixed between the server and here; report it to the server's project"
_NO_IDS = (
    "name the server in engine.toml (server = ...), use a version of it that returns token ids, "
    'or set answers = "text" (docs/scale-out.md)'
)


# LoadGen takes int32.
_TokenId = Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]


class _Details(msgspec.Struct):
    cached_tokens: int | None = None


class Usage(msgspec.Struct):
    """The server's own count of tokens."""

    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None

    @property
    def cached_tokens(self) -> int | None:
        """How many tokens of the prompt came from a cache; None if the server does not say."""
        return self.prompt_tokens_details.cached_tokens if self.prompt_tokens_details else None


class _Choice(msgspec.Struct):
    index: int = 0
    token_ids: list[_TokenId] | None = None
    finish_reason: str | None = None


class _TextChoice(msgspec.Struct):
    index: int = 0
    text: str | None = None
    finish_reason: str | None = None


class _Extension(msgspec.Struct):
    completion_token_ids: list[_TokenId] | None = None


class _Chunk(msgspec.Struct):
    """One event of a stream, or a whole answer: only the fields that are used are decoded."""

    choices: list[_Choice] = []
    usage: Usage | None = None
    nvext: _Extension | None = None
    error: Any = None
    message: Any = None


class _TextChunk(msgspec.Struct):
    choices: list[_TextChoice] = []
    usage: Usage | None = None
    error: Any = None
    message: Any = None


_IDS = msgspec.json.Decoder(_Chunk)
_TEXT = msgspec.json.Decoder(_TextChunk)


class AnswerError(RunError):
    """What is wrong with an answer. The client adds which server sent it."""


class Answer:
    """One answer. `token_ids` are those so far; with `as_text` there are none, and `text` has the answer's text.

    `feed` takes the bytes of a stream as they come, `whole` those of an answer that is not a stream; then `finish`.
    """

    def __init__(self, max_new_tokens: int, eos_token_id: int, *, as_text: bool = False) -> None:
        self.token_ids: list[int] = []
        self.text = ""
        self.usage = Usage()
        self.finish_reason = ""
        self._max_new_tokens = max_new_tokens
        self._eos_token_id = eos_token_id
        self._as_text = as_text
        self._decode = (_TEXT if as_text else _IDS).decode
        self._pending = bytearray()
        self._is_done = False
        self._is_error = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes of a stream. AnswerError if they are not a part of an answer."""
        pending = self._pending
        complete, newline, rest = data.rpartition(b"\n")
        if len(pending) + len(data) > MAX_BYTES:
            raise AnswerError(f"sent an event of more than {MAX_BYTES >> 20} MiB", "is it an OpenAI-compatible server?")
        if pending and newline:
            complete = bytes(pending) + complete
            pending.clear()
        if rest:
            pending += rest
        if not newline:
            return
        lines = complete.split(b"\n")
        for line in lines:
            if line.startswith(_DATA):
                payload = line[5:].strip()
                if payload == _DONE:
                    self._is_done = True
                else:
                    self._take(payload)
            elif self._is_error and (words := line.lstrip(b": ").strip()):
                raise AnswerError(f"reported an error in the middle of an answer: {_words(words)}", _LOG)
            elif line.startswith(_EVENT):
                self._is_error = line[6:].strip() == b"error"

    def whole(self, data: bytes) -> None:
        """Take an answer that is not a stream."""
        self._take(data)
        self._is_done = True

    def _take(self, payload: bytes) -> None:
        try:
            chunk = self._decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if self._is_error:
                raise AnswerError(f"reported an error in the middle of an answer: {_words(payload)}", _LOG) from None
            raise AnswerError(
                f"sent an answer in another form than the completions API's: {printable(str(error))}",
                f"it was: {_words(payload)}",
            ) from None
        if chunk.error is not None or self._is_error or (not chunk.choices and chunk.message is not None):
            raise AnswerError(f"reported an error in the middle of an answer: {error_words(payload)}", _LOG)
        for choice in chunk.choices:
            self._add(choice, chunk)
        if chunk.usage is not None:
            self.usage = chunk.usage

    def _add(self, choice: Any, chunk: Any) -> None:
        if choice.index != 0:
            raise AnswerError(f"mixed answers: a request for one answer got part of number {choice.index + 1}", _REPORT)
        new: list[int] = []
        if self._as_text:
            self.text += choice.text or ""
        else:
            ids = choice.token_ids
            if ids is None and chunk.nvext is not None:
                ids = chunk.nvext.completion_token_ids
            if ids is None and not choice.finish_reason:
                raise AnswerError("returned text without token ids", _NO_IDS)
            new = ids or []
        if self.finish_reason and (new or (self._as_text and choice.text)):
            raise AnswerError("mixed answers: more tokens came after the end of an answer", _REPORT)
        self.token_ids += new
        if choice.finish_reason:
            self.finish_reason = choice.finish_reason

    def finish(self) -> None:
        """AnswerError unless the answer is whole, as the server's own count of tokens says."""
        if not self.finish_reason:
            where = "" if self._is_done else ": the stream was cut off"
            raise AnswerError(f"ended an answer after {self._length()} without its end{where}", _LOG)
        if self.finish_reason not in ("stop", "length"):
            raise AnswerError(f"ended an answer because of '{printable(self.finish_reason)}'", _LOG)
        counted = self.usage.completion_tokens
        if counted is None:
            raise AnswerError("did not say how many tokens an answer has (usage)", "use a version that counts them")
        if not self._as_text:
            self._complete(counted)
        if self.finish_reason == "length" and counted < self._max_new_tokens:
            raise AnswerError(
                f"cut an answer off after {counted} tokens, the limit is {self._max_new_tokens}",
                "let it take longer prompts with their answers (vLLM: --max-model-len)",
            )

    def _complete(self, counted: int) -> None:
        found = len(self.token_ids)
        if found == counted - 1 and self.finish_reason == "stop" and self._eos_token_id not in self.token_ids[-1:]:
            self.token_ids.append(self._eos_token_id)  # the server counts the EOS token, and leaves it out
        elif found != counted:
            raise AnswerError(f"sent {found} token ids of an answer, and counts {counted} tokens (usage)", _REPORT)

    def _length(self) -> str:
        return f"{len(self.text)} characters" if self._as_text else f"{len(self.token_ids)} tokens"


def error_words(body: bytes) -> str:
    """What a server says in the body of an error: the message of its JSON, or the first line of its text."""
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _words(body)
    for key in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(key):
            found = found[key]
    if isinstance(found, list) and found:
        found = found[0]
        found = found.get("msg", found) if isinstance(found, dict) else found
    return _safe(found if isinstance(found, str) else shown(found))


def _words(body: bytes) -> str:
    lines = body[:4096].decode(errors="replace").strip().splitlines()
    return _safe(lines[0].strip()) if lines else "nothing"


def _safe(text: str) -> str:
    return printable(masked("", text.strip().splitlines()[0] if text.strip() else "nothing"))
