"""What the collector must never lose."""
