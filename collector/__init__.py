"""Everything done once, centrally."""
