"""Invoices, payments and who still owes us money."""

__version__ = "0.4.2"
