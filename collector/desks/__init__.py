"""Ticket systems: one door, one file a desk."""
