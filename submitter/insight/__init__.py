"""What a submission shows beside the check: why a run is valid or not, and each result's scores and targets."""
