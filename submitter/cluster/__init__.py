"""More than one machine: the jobs of a batch system."""
