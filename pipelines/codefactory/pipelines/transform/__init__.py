"""Data from one form to another: what the `transform` step does.

operations.py  the operations, as pydantic models        apply.py     what each gives
formats.py     JSON, YAML, TOML ⇄ data                   query.py     JMESPath, bounded
tables.py      CSV ⇄ rows                                xml_form.py  XML ⇄ data
regexes.py     regular expressions, bounded in time      validate.py  JSON Schema, offline
stream.py      item by item, from file to file           limits.py    what is too much

Everything here takes data from anywhere: whatever could make much out of little is bounded.
"""
