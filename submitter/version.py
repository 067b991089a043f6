"""The version of the package and where it is hosted, on their own so that everything can import them."""

VERSION = "0.1.0"
PROJECT_URL = "https://github.com/OWNER/submitter"  # as in pyproject.toml; docs/releasing.md has the step that sets it
