"""Finds secrets in files: tokens, keys and passwords. Only their place and kind are reported, never they themselves.

The rules are those of detect-secrets, less what finds more in logs than secrets: its entropy detectors (accuracy logs
are hexadecimal, and hashes are everywhere), public IP addresses, and patterns that any base64 or decimal text matches
(Twilio, Telegram, Discord, Artifactory, Mailchimp, IBM's). Tokens of this field that it does not know are added. Its
passwords by keyword are those with a value in quotes; what `printenv` writes, where nothing is in quotes, is judged by
the variables' names.

A file is read in pieces, and each pattern is searched in a whole piece: a hundred times as fast as line by line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING

from submitter import packages

if TYPE_CHECKING:
    from detect_secrets.plugins.keyword import KeywordDetector

# Each with what all of its finds contain, in lower case, where its patterns have no fixed beginning: looking for that
# first is ten times as fast.
_PLUGINS = {
    "aws.AWSKeyDetector": ("akia", "asia", "abia", "acca", "a3t", "aws"),
    "azure_storage_key.AzureStorageKeyDetector": (),
    "basic_auth.BasicAuthDetector": (),
    "github_token.GitHubTokenDetector": (),
    "gitlab_token.GitLabTokenDetector": (),
    "jwt.JwtTokenDetector": (),
    "npm.NpmDetector": (),
    "openai.OpenAIDetector": (),
    "private_key.PrivateKeyDetector": (),
    "pypi_token.PypiTokenDetector": (),
    "sendgrid.SendGridDetector": (),
    "slack.SlackDetector": ("xox", "hooks.slack.com"),
    "square_oauth.SquareOAuthDetector": (),
    "stripe.StripeDetector": ("k_live_",),
}
# What detect-secrets 1.5.0 lacks. The forms are those that each service documents, or gives its tokens today.
_OF_THIS_FIELD = {
    "Hugging Face token": r"hf_[A-Za-z0-9]{34,40}",
    "NVIDIA API key": r"nvapi-[A-Za-z0-9_-]{60,80}",
    "GitHub token": r"github_pat_[A-Za-z0-9_]{80,90}",
    "Anthropic API key": r"sk-ant-[A-Za-z0-9_-]{80,120}",
    "OpenAI API key": r"sk-(?:proj|svcacct)-[A-Za-z0-9_-]{40,200}",
    "OpenRouter API key": r"sk-or-v1-[0-9a-f]{64}",
    "Google API key": r"AIza[A-Za-z0-9_-]{35}",
    "age secret key": r"AGE-SECRET-KEY-1[A-Z0-9]{58}",
    "private key": r"-----BEGIN ENCRYPTED PRIVATE KEY-----",
}
_VARIABLE = "secret in an environment variable"
# Such as HF_TOKEN=..., AWS_SECRET_ACCESS_KEY=...; not MAX_TOKENS=..., whose last word is another one.
_LAST_WORDS = ("TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "API_KEY", "APIKEY", "ACCESS_KEY", "SECRET_KEY")
_VARIABLE_PATTERN = re.compile(rf"\b[A-Z0-9_]*(?:{'|'.join(_LAST_WORDS)})=[\"']?([^\s\"']{{8,}})")
_PLACEHOLDER = re.compile(r"^[/~.$%`]|\.\.\.|\*\*\*|\$\(|^(your|none|xxx)", re.IGNORECASE)
_PIECE_CHARACTERS = 1 << 20
# No secret is longer: a line that is longer than a piece is searched in pieces that overlap by so much.
_OVERLAP_CHARACTERS = 4096
_WINDOW_CHARACTERS = 400
_WORD = re.compile(r"[A-Za-z0-9]")


class SecretScan:
    """The patterns, ready to search. NotInstalledError without detect-secrets."""

    def __init__(self) -> None:
        with packages.required(packages.PACKAGING, "detect-secrets"):
            from detect_secrets.filters import heuristic
            from detect_secrets.plugins import keyword
        self._heuristic = heuristic
        ours = ((kind, re.compile(form), ()) for kind, form in _OF_THIS_FIELD.items())
        self._patterns = [*_plugin_patterns(), *ours]
        self._keyword_kind = keyword.KeywordDetector.secret_type
        self._keyword: KeywordDetector = keyword.KeywordDetector()
        # Its words, such as `api_?key`: looked for one by one, they cost a tenth of what its patterns cost.
        self._words = tuple(
            sorted({word.replace("_?", joint).lower() for word in keyword.DENYLIST for joint in ("", "_")})
        )

    def search(self, file: IO[bytes]) -> list[tuple[int, str]]:
        """Each secret of a file: its line, from 1, and its kind. OSError if the file cannot be read."""
        found: set[tuple[int, str]] = set()
        line, rest = 1, ""
        while piece := file.read(_PIECE_CHARACTERS):
            text = rest + (piece + file.readline(_PIECE_CHARACTERS)).decode("latin-1")
            found.update((line + text.count("\n", 0, at), kind) for at, kind in self._in_text(text))
            rest = "" if text.endswith("\n") else text[-_OVERLAP_CHARACTERS:]
            line += text.count("\n") - rest.count("\n")
        return sorted(found)

    def _in_text(self, text: str) -> Iterator[tuple[int, str]]:
        """Each secret of a text: where it begins, and its kind."""
        lowered = text.lower()
        for kind, pattern, parts in self._patterns:
            if parts and not any(part in lowered for part in parts):
                continue
            for match in pattern.finditer(text):
                if _stands_alone(text, match) and self._is_real(match.group(match.lastindex or 0)):
                    yield match.start(), kind
        for start, part in _around(text, lowered, [f"{word.lower()}=" for word in _LAST_WORDS]):
            for match in _VARIABLE_PATTERN.finditer(part):
                if self._is_real(match.group(1)):
                    yield start + match.start(1), _VARIABLE
        for start, part in _around(text, lowered, self._words):
            for secret in self._keyword.analyze_string(part):
                if self._is_real(secret) and not self._heuristic.is_indirect_reference(part):
                    yield start + part.index(secret), self._keyword_kind

    def _is_real(self, secret: str) -> bool:
        """Whether it is not just a place for a secret, such as `<token>` or `${TOKEN}`, nor a path or an alphabet."""
        heuristic = self._heuristic
        return not (
            _PLACEHOLDER.search(secret)
            or heuristic.is_templated_secret(secret)
            or heuristic.is_sequential_string(secret)
            or heuristic.is_not_alphanumeric_string(secret)
        )


def _plugin_patterns() -> Iterator[tuple[str, re.Pattern[str], tuple[str, ...]]]:
    """Each pattern of the chosen plugins with its kind, and what a text with such a secret contains."""
    from importlib import import_module

    for path, parts in _PLUGINS.items():
        module, _, name = path.partition(".")
        plugin = getattr(import_module(f"detect_secrets.plugins.{module}"), name)
        for pattern in plugin.denylist:
            yield plugin.secret_type, pattern, parts


def _stands_alone(text: str, match: re.Match[str]) -> bool:
    """Whether it is not a part of a longer word, as a token of four fixed letters is in base64."""
    before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
    goes_on = _WORD.match(after) and _WORD.match(match[0][-1])
    return not goes_on and not (_WORD.match(before) and _WORD.match(match[0]))


def _around(text: str, lowered: str, words: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The part of the line around each place that has one of the words, in any capitalization, and where it begins."""
    seen: set[tuple[int, int]] = set()
    for word in words:
        at = lowered.find(word)
        while at >= 0:
            start = max(text.rfind("\n", 0, at) + 1, at - _WINDOW_CHARACTERS)
            end = text.find("\n", at, at + _WINDOW_CHARACTERS)
            end = end if end >= 0 else at + _WINDOW_CHARACTERS
            if (start, end) not in seen:
                seen.add((start, end))
                yield start, text[start:end]
            at = lowered.find(word, at + len(word))
