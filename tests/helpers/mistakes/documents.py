"""Mistakes in the documents and in what describes the measurements."""

from __future__ import annotations

from mistakes.edits import append, fields, remove, replace, write
from mistakes.record import Mistake

_JSON, _README = "measurements/Server/measurements.json", "measurements/Server/README.md"

MISTAKES = (
    Mistake(
        id="documents-folder-missing",
        what="no documentation folder",
        make=remove("documentation"),
        message="documentation has no calibration.md",
        remedy="submitter templates",
        also=("bandwidth.md",),
    ),
    Mistake(
        id="documents-no-calibration",
        what="no calibration.md",
        make=remove("documentation/calibration.md"),
        message="documentation has no calibration.md",
        remedy="submitter templates",
    ),
    Mistake(
        id="documents-no-bandwidth",
        what="no bandwidth.md",
        make=remove("documentation/bandwidth.md"),
        message="documentation has no bandwidth.md",
        remedy="submitter templates",
    ),
    Mistake(
        id="documents-unfilled",
        what="a part of a document that is still to be written",
        make=replace("documentation/calibration.md", "written by a person", "TODO(person): the formats"),
        message="calibration.md:",
        also=("a person must write this part: the formats",),
    ),
    Mistake(
        id="documents-no-bandwidth-stated",
        what="a bandwidth.md without a figure",
        make=write("documentation/bandwidth.md", "# Bandwidth\n\nTwo fast cards.\n"),
        message="the bandwidth document states no bandwidth",
        code=0,
    ),
    Mistake(
        id="documents-link",
        what="a document that is a symbolic link",
        make=lambda made: (made.documentation / "notes.md").symlink_to(made.file),
        message="documentation/notes.md is a link or a special file",
        remedy="put a copy of the file there",
    ),
    Mistake(
        id="measurements-folder",
        what="a misspelt path of the measurements",
        make=replace("campaign.toml", '"measurements"', '"measurement"'),
        message="measurement/Offline",
        also=("measurement/Server", "measurement/Interactive"),
    ),
    Mistake(
        id="measurements-missing",
        what="no measurements.json",
        make=remove(_JSON),
        message=f"{_JSON} is missing",
    ),
    Mistake(
        id="measurements-empty",
        what="an empty measurements.json",
        make=write(_JSON, ""),
        message=_JSON,
    ),
    Mistake(
        id="measurements-not-json",
        what="a measurements.json with a trailing comma",
        make=write(_JSON, '{"retraining": "No",}'),
        message=f"{_JSON} is not a JSON file",
    ),
    Mistake(
        id="measurements-list",
        what="a measurements.json that is a list",
        make=write(_JSON, "[]"),
        message=f"{_JSON} is not a JSON object",
    ),
    Mistake(
        id="measurements-field-missing",
        what="a field of measurements.json left out",
        make=fields(_JSON, retraining=...),
        message="'retraining' is missing or empty",
        also=(_JSON,),
    ),
    Mistake(
        id="measurements-field-empty",
        what="an empty field of measurements.json",
        make=fields(_JSON, starting_weights_filename=""),
        message="'starting_weights_filename' is missing or empty",
    ),
    Mistake(
        id="measurements-field-misspelt",
        what="a misspelt field of measurements.json",
        make=fields(_JSON, retrainig="No"),
        message="retrainig",
    ),
    Mistake(
        id="measurements-retrained",
        what="measurements.json of the closed division says that the model was retrained",
        make=fields(_JSON, retraining="yes"),
        message="retrain",
    ),
    Mistake(
        id="measurements-unfilled",
        what="a field of measurements.json that is still to be written",
        make=fields(_JSON, starting_weights_filename="TODO(person): the starting weights"),
        message="a person must write this part: the starting weights",
        also=(_JSON,),
    ),
    Mistake(
        id="measurements-no-readme",
        what="no README.md",
        make=remove(_README),
        message=f"{_README} is missing",
    ),
    Mistake(
        id="measurements-readme-empty",
        what="an empty README.md",
        make=write(_README, ""),
        message=_README,
        also=("empty",),
    ),
    Mistake(
        id="measurements-readme-unfilled",
        what="a part of a README.md that is still to be written",
        make=append(_README, "TODO(person): where from\n"),
        message="a person must write this part: where from",
        also=(_README,),
    ),
    Mistake(
        id="measurements-stray-audit",
        what="an audit.config left beside user.conf",
        make=write("measurements/Server/audit.config", "*.*.mode = 2\n"),
        message="measurements/Server/audit.config is a stray audit file",
        remedy="remove it",
    ),
)
