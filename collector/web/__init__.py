"""The collector's doors: the exchange, the technicians' interface, the pages."""
