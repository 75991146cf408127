"""How work is done: repair, gate, models, runs. No LSP."""
