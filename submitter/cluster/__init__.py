"""More than one machine: what is asked of each, compared and measured between them before a campaign runs."""
