"""The history of the store's shape."""
