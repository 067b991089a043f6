"""Python runs this at its start in every process of a site. It makes the echo engine misbehave as a variable says.

A fault that came from `engine.toml` would change the settings, and so the campaign: it could not go on afterwards.
"""

import os
import sys

if os.environ.get("INJECTED_FAULT") and "submitter.harness.child" in sys.orig_argv:
    import engine_faults

    engine_faults.inject(os.environ["INJECTED_FAULT"])
