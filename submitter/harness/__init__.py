"""The harness: runs LoadGen against an engine, in a child process that the parent supervises."""
