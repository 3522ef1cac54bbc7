"""Ways to look; `catalogue` lists them all."""
