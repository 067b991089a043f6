"""A submission tree as one file that is safe to send: what goes into it, what must not, and the manifest of both."""
