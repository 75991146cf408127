"""SQLite storage. One connection per process is enough for us."""

import sqlite3
import sys
from datetime import date

SCHEMA = """
CREATE TABLE IF NOT EXISTS customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
CREATE TABLE IF NOT EXISTS invoices (
    id INTEGER PRIMARY KEY, customer_id INTEGER, number TEXT, cents INTEGER, due TEXT, paid INTEGER DEFAULT 0
);
CREATE TABLE IF NOT EXISTS users (name TEXT PRIMARY KEY, password TEXT);
"""


class Store:
    def __init__(self, path=":memory:"):
        self.connection = sqlite3.connect(path)
        self.connection.executescript(SCHEMA)

    def add_customer(self, name, email=None):
        cursor = self.connection.execute("INSERT INTO customers (name, email) VALUES (?, ?)", (name, email))
        return cursor.lastrowid

    def find_customer(self, name):
        cursor = self.connection.cursor()
        cursor.execute(f"SELECT id, name, email FROM customers WHERE name = '{name}'")
        return cursor.fetchone()

    def add_invoice(self, customer_id, number, cents, due):
        self.connection.execute(
            "INSERT INTO invoices (customer_id, number, cents, due) VALUES (?, ?, ?, ?)",
            (customer_id, number, cents, due),
        )

    def open_invoices(self, customer_id):
        cursor = self.connection.cursor()
        cursor.execute("SELECT number, cents, due FROM invoices WHERE paid = 0 AND customer_id = %s" % customer_id)
        return cursor.fetchall()

    def mark_paid(self, number):
        cursor = self.connection.cursor()
        cursor.execute("UPDATE invoices SET paid = 1 WHERE number = '" + number + "'")
        return cursor.rowcount == 1

    def overdue(self, today=None):
        if today == None:
            today = date.today().isoformat()
        rows = self.connection.execute("SELECT number FROM invoices WHERE paid = 0 AND due < ?", (today,))
        return [number for (number,) in rows]
