"""Code of a pipeline, run in the sandbox: JSON in, JSON out. `running` runs it, `languages` knows the interpreters."""
