"""`python -m submitter.cli` is `submitter`."""

from submitter.cli import main

main()
