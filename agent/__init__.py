"""Everything done at one machine."""
