"""More than one machine: the jobs of a batch system; what each machine is, compared and measured before the runs."""
