"""What a submission shows beside a verdict: why a run is valid or not, and where each result stands."""
