"""One module a feature: `register(server)`, handlers of a few lines, and pure functions that do the work."""
