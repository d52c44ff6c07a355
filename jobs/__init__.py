"""Everything that knows Ray: the nightly run, and the command line."""
