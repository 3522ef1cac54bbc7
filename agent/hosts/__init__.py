"""Ways to reach a machine. A `Host` is the only way a probe or a repair touches anything."""
