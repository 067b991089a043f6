"""The harness: LoadGen against an engine, in a child process that the parent watches and ends."""
