"""Every path of a submission tree: the one grammar that `assembly` writes and `checker` reads.

Source: policies `submission_rules.adoc`, section "Inference", and the path tables of the official
checker's `constants.py` (mlcommons/inference b66003e1, rounds v6.0 and v6.1). All paths are POSIX
paths relative to the folder that holds `closed/`, `open/` and `network/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from submitter.model import Mode, ResultKey

DETAIL_LOG = "mlperf_log_detail.txt"
SUMMARY_LOG = "mlperf_log_summary.txt"
ACCURACY_LOG = "mlperf_log_accuracy.json"
ACCURACY_TEXT = "accuracy.txt"
VERIFY_ACCURACY = "verify_accuracy.txt"
USER_CONF = "user.conf"
MEASUREMENTS_JSON = "measurements.json"
README = "README.md"
ENGINE_TOML = "engine.toml"
AUDIT_CONFIG = "audit.config"
MODEL_MAPPING = "model_mapping.json"


@dataclass(frozen=True)
class Layout:
    """The grammar from round v6.0 on: measurements and compliance lie inside the scenario, code in `src`."""

    code_folder: str = "src"

    def submitter_root(self, division: str, submitter: str) -> PurePosixPath:
        return PurePosixPath(division, submitter)

    def code(self, division: str, submitter: str) -> PurePosixPath:
        return self.submitter_root(division, submitter) / self.code_folder

    def implementation(self, division: str, submitter: str, benchmark: str) -> PurePosixPath:
        """The code of one official benchmark; the rules want an implementation's name there, and ours is our own."""
        return self.code(division, submitter) / benchmark / "submitter"

    def documentation(self, division: str, submitter: str) -> PurePosixPath:
        return self.submitter_root(division, submitter) / "documentation"

    def manifest(self, division: str, submitter: str) -> PurePosixPath:
        """Ours, not MLCommons': which runs, files and hashes make up each result."""
        return self.documentation(division, submitter) / "submitter_manifest.json"

    def model_mapping(self, division: str, submitter: str) -> PurePosixPath:
        return self.submitter_root(division, submitter) / MODEL_MAPPING

    def systems(self, division: str, submitter: str) -> PurePosixPath:
        return self.submitter_root(division, submitter) / "systems"

    def system(self, division: str, submitter: str, system: str) -> PurePosixPath:
        return self.systems(division, submitter) / f"{system}.json"

    def results(self, division: str, submitter: str) -> PurePosixPath:
        return self.submitter_root(division, submitter) / "results"

    def scenario(self, key: ResultKey) -> PurePosixPath:
        return self.results(key.division, key.submitter) / key.system / key.benchmark / key.scenario

    def measurements(self, key: ResultKey) -> PurePosixPath:
        """The folder of user.conf, README.md and measurements.json."""
        return self.scenario(key)

    def performance(self, key: ResultKey) -> PurePosixPath:
        return self.scenario(key) / "performance" / "run_1"

    def accuracy(self, key: ResultKey) -> PurePosixPath:
        return self.scenario(key) / "accuracy"

    def compliance(self, key: ResultKey, test: str) -> PurePosixPath:
        return self.scenario(key) / test

    def compliance_performance(self, key: ResultKey, test: str) -> PurePosixPath:
        return self.compliance(key, test) / "performance" / "run_1"

    def compliance_accuracy(self, key: ResultKey, test: str) -> PurePosixPath:
        return self.compliance(key, test) / "accuracy"

    def run(self, key: ResultKey, mode: Mode) -> PurePosixPath:
        """The folder that holds the detail log of a run of this mode."""
        if mode is Mode.PERFORMANCE:
            return self.performance(key)
        return self.accuracy(key) if mode is Mode.ACCURACY else self.compliance_performance(key, mode)


def layout_of(round_name: str) -> Layout:
    """The grammar of a round. Only v6.x for now: the older rounds put measurements and compliance elsewhere."""
    return Layout()
