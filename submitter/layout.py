"""Every path of a submission tree: `assembly` writes and `submission` reads the tree through this module alone.

Source: policies `submission_rules.adoc`, section "Inference"; the path tables of the official checker's
`constants.py` (mlcommons/inference b66003e1, rounds v6.0 and v6.1) and the folder checks of
`submission_checker.py` (tags v4.1 to v5.1.1). All paths are POSIX paths relative to the folder that holds
`closed/`, `open/` and `network/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

from submitter.model import Mode, ResultKey

DETAIL_LOG = "mlperf_log_detail.txt"
SUMMARY_LOG = "mlperf_log_summary.txt"
ACCURACY_LOG = "mlperf_log_accuracy.json"
ACCURACY_TEXT = "accuracy.txt"
VERIFY_ACCURACY = "verify_accuracy.txt"
USER_CONF = "user.conf"
MLPERF_CONF = "mlperf.conf"
MEASUREMENTS_JSON = "measurements.json"
README = "README.md"
ENGINE_TOML = "engine.toml"
SERVER_OPTIONS = ".yaml"  # the end of the name of a file with the options of the engine's servers
AUDIT_CONFIG = "audit.config"
MODEL_MAPPING = "model_mapping.json"
# The files that mlcommons/endpoints writes instead of LoadGen's logs: beside performance/ and accuracy/, and in them.
ENDPOINTS_CONFIGS = ("config.yaml", "config.yml")
ENDPOINTS_SUMMARY = "result_summary.json"
ENDPOINTS_ACCURACY = "accuracy_results.json"
# The only performance run that counts.
RUN_1 = "run_1"
_IMPLEMENTATION = "submitter"
# Paths are slow to join, and many rules ask for the same ones.
_remembered = lru_cache(maxsize=1024)


@dataclass(frozen=True)
class Layout:
    """The paths of a round's submissions."""

    code_folder: str = "src"
    nested: bool = True
    """Whether measurements and compliance are inside the scenario's folder, as from v6.0 on. Before, each was a folder
    of the submitter, with the same folders in it as in `results`."""

    @_remembered
    def submitter_root(self, division: str, submitter: str) -> PurePosixPath:
        return PurePosixPath(division, submitter)

    def code(self, division: str, submitter: str) -> PurePosixPath:
        return self.submitter_root(division, submitter) / self.code_folder

    def implementation(self, division: str, submitter: str, benchmark: str) -> PurePosixPath:
        """The code of one official benchmark. The rules require the implementation's name as the last part."""
        return self.code(division, submitter) / benchmark / _IMPLEMENTATION

    def documentation(self, division: str, submitter: str) -> PurePosixPath:
        return self.submitter_root(division, submitter) / "documentation"

    def manifest(self, division: str, submitter: str) -> PurePosixPath:
        """This project's manifest, which MLCommons does not require: the runs, files and hashes behind each result."""
        return self.documentation(division, submitter) / "submitter_manifest.json"

    def model_mapping(self, division: str, submitter: str) -> PurePosixPath:
        return self.submitter_root(division, submitter) / MODEL_MAPPING

    def systems(self, division: str, submitter: str) -> PurePosixPath:
        return self.submitter_root(division, submitter) / "systems"

    def system(self, division: str, submitter: str, system: str) -> PurePosixPath:
        return self.systems(division, submitter) / f"{system}.json"

    def nameplate(self, division: str, submitter: str, system: str) -> PurePosixPath:
        """The ratings of the system's power supplies, from v6.1 on."""
        return self.systems(division, submitter) / f"{system}_power.yaml"

    def results(self, division: str, submitter: str) -> PurePosixPath:
        return self.submitter_root(division, submitter) / "results"

    @_remembered
    def scenario(self, key: ResultKey) -> PurePosixPath:
        """The folder of a result; the text of its key is this path."""
        return PurePosixPath(str(key))

    def top_folder(self, division: str, submitter: str, name: str) -> PurePosixPath | None:
        """The submitter's folder of measurements or compliance; None if the round has no such folder."""
        return None if self.nested else self.submitter_root(division, submitter) / name

    @_remembered
    def _beside_results(self, key: ResultKey, name: str) -> PurePosixPath:
        top = self.top_folder(key.division, key.submitter, name)
        return self.scenario(key) if top is None else top.joinpath(key.system, key.benchmark, key.scenario)

    def measurements(self, key: ResultKey) -> PurePosixPath:
        """The folder with user.conf, README.md and the description of the measurement."""
        return self._beside_results(key, "measurements")

    def measurement_description(self, key: ResultKey) -> PurePosixPath:
        """The path at which `assembly` writes the description of the measurement."""
        name = MEASUREMENTS_JSON if self.nested else f"{key.system}_{_IMPLEMENTATION}_{key.scenario}.json"
        return self.measurements(key) / name

    def describes_measurement(self, key: ResultKey, name: str) -> bool:
        """Whether a file of this name in the folder of `measurements` is the description of the measurement.

        Before v6.0 the name is <system>_<implementation>_<scenario>.json, or a shorter one that begins with the system.
        """
        if self.nested:
            return name == MEASUREMENTS_JSON
        return name.startswith(key.system) and name.endswith(".json")

    def compliance_root(self, key: ResultKey) -> PurePosixPath:
        """The folder that holds one folder for each compliance test."""
        return self._beside_results(key, "compliance")

    @_remembered
    def performance_runs(self, key: ResultKey) -> PurePosixPath:
        """The folder that holds the performance run's folder."""
        return self.scenario(key) / "performance"

    @_remembered
    def performance(self, key: ResultKey) -> PurePosixPath:
        return self.performance_runs(key) / RUN_1

    @_remembered
    def power(self, key: ResultKey) -> PurePosixPath:
        """The folder of the power analyzer's logs."""
        return self.performance_runs(key) / "power"

    def ranging(self, key: ResultKey) -> PurePosixPath:
        """The run that finds the power analyzer's ranges, before the performance run of a power measurement."""
        return self.performance_runs(key) / "ranging"

    @_remembered
    def accuracy(self, key: ResultKey) -> PurePosixPath:
        return self.scenario(key) / "accuracy"

    @_remembered
    def compliance(self, key: ResultKey, test: str) -> PurePosixPath:
        return self.compliance_root(key) / test

    def compliance_performance(self, key: ResultKey, test: str) -> PurePosixPath:
        return self.compliance(key, test).joinpath("performance", RUN_1)

    def compliance_accuracy(self, key: ResultKey, test: str) -> PurePosixPath:
        return self.compliance(key, test) / "accuracy"

    def compliance_score(self, key: ResultKey, test: str, which: str) -> PurePosixPath:
        """The score of the samples that TEST01 logged: `baseline` for the accuracy run, `compliance` for the test."""
        return self.compliance_accuracy(key, test) / f"{which}_accuracy.txt"

    def endpoints_configs(self, key: ResultKey) -> list[PurePosixPath]:
        """The possible paths of the configuration of an endpoints result; the tool itself writes the first."""
        return [self.scenario(key) / name for name in ENDPOINTS_CONFIGS]

    def endpoints_summary(self, key: ResultKey) -> PurePosixPath:
        """The figures of an endpoints performance run, which has no folder of its own."""
        return self.performance_runs(key) / ENDPOINTS_SUMMARY

    def endpoints_accuracy(self, key: ResultKey) -> PurePosixPath:
        return self.accuracy(key) / ENDPOINTS_ACCURACY

    def endpoints_audit(self, key: ResultKey, name: str) -> PurePosixPath:
        """The verdict of an endpoints audit, which takes the place of a compliance test."""
        return self.scenario(key).joinpath("audit", f"audit_{name}.json")

    def run(self, key: ResultKey, mode: Mode) -> PurePosixPath:
        """The folder that holds the detail log of a run of this mode."""
        if mode is Mode.PERFORMANCE:
            return self.performance(key)
        return self.accuracy(key) if mode is Mode.ACCURACY else self.compliance_performance(key, mode)


def results_folder(folder: str) -> str:
    """The folder of a benchmark or result in `results`, given its folder in `measurements` or `compliance`.

    Before v6.0 these repeat the folders of `results`: <division>/<submitter>/<kind>/<system>/<benchmark>/<scenario>.
    """
    parts = folder.split("/", 6)
    return "/".join((*parts[:2], "results", *parts[3:6])) if len(parts) >= 5 else folder


_NESTED = Layout()
_TOP_FOLDERS = Layout(code_folder="code", nested=False)


def layout_of(round_name: str) -> Layout:
    """The paths of a round such as `v5.1`; an unknown later round is assumed to be like the newest."""
    major = round_name.removeprefix("v").partition(".")[0]
    return _TOP_FOLDERS if major.isdigit() and int(major) < 6 else _NESTED
