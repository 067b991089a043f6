"""MLPerf Inference submissions for language models: run, score, assemble and check them."""

__version__ = "0.1.0"
