"""One step of the store's history a file; a file that was released is never changed."""
