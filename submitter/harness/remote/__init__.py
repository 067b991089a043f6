"""A server of an OpenAI-compatible completions API, which runs the model: what the engine `endpoint` is made of."""

PREFIX_CACHING = " prefix_caching"
"""The end of the name of an engine fact: the server before it caches prefixes, or not, or it is unknown."""
