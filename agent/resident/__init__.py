"""The part that lives on customers' machines; the collector never imports it."""
