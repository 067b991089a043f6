"""A server of an OpenAI-compatible completions API, which runs the model: what the engine `endpoint` is made of."""
