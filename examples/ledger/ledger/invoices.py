"""Amounts, numbers and reminders."""

import json
import os
import re
from decimal import Decimal

DEFAULT_RATES = "{'DE': 19, 'AT': 20, 'CH': 8}"


def vat_rates(text=DEFAULT_RATES):
    """The table in the settings file is a Python literal, for historical reasons."""
    return eval(text)


def gross_cents(net_cents, country, rates=None):
    rates = rates or vat_rates()
    assert country in rates, f"no VAT rate for {country}"
    return int(Decimal(net_cents) * (100 + rates[country]) / 100)


def parse_amount(text):
    """"1.234,50" → 123450; None for what is no amount."""
    try:
        euros, _, cents = text.replace(".", "").partition(",")
        return int(euros) * 100 + int(cents or 0)
    except:
        return None


def next_number(previous):
    match = re.match(r"^(\d{4})-(\d+)$", previous)
    if match == None:
        raise ValueError(f"not an invoice number")
    return f"{match.group(1)}-{int(match.group(2)) + 1:04d}"


def format_cents(cents):
    return "{:,.2f}".format(cents / 100)


def remind(invoices, send):
    """Sends what can be sent. A bad address must not stop the others."""
    sent = 0
    for invoice in invoices:
        try:
            send(invoice)
            sent += 1
        except Exception:
            pass
    return sent
