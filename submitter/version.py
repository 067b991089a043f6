"""The version of the package, on its own so that everything can import it."""

VERSION = "0.1.0"
