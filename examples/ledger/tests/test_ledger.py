"""What must hold before and after any repair."""

import unittest

from ledger import accounts, invoices, notices
from ledger.store import Store


class StoreTest(unittest.TestCase):
    def setUp(self):
        self.store = Store(":memory:")
        self.addCleanup(self.store.connection.close)
        self.customer = self.store.add_customer("Ada", "ada@example.com")
        self.store.add_invoice(self.customer, "2024-0007", 11900, "2024-03-01")

    def test_finds_a_customer(self):
        self.assertEqual(self.store.find_customer("Ada"), (self.customer, "Ada", "ada@example.com"))
        self.assertIsNone(self.store.find_customer("Bob"))

    def test_an_invoice_is_open_until_it_is_paid(self):
        self.assertEqual(self.store.open_invoices(self.customer), [("2024-0007", 11900, "2024-03-01")])
        self.assertEqual(self.store.overdue("2024-03-02"), ["2024-0007"])
        self.assertTrue(self.store.mark_paid("2024-0007"))
        self.assertEqual(self.store.open_invoices(self.customer), [])
        self.assertEqual(self.store.overdue("2024-03-02"), [])


class AccountsTest(unittest.TestCase):
    def setUp(self):
        self.store = Store(":memory:")
        self.addCleanup(self.store.connection.close)

    def test_login(self):
        accounts.register(self.store, "ada", "correct horse", roles=["admin"])
        self.assertEqual(len(accounts.login(self.store, "ada", "correct horse")), 32)
        self.assertIsNone(accounts.login(self.store, "ada", "wrong"))
        self.assertIsNone(accounts.login(self.store, "bob", "correct horse"))

    def test_tokens_differ(self):
        self.assertNotEqual(accounts.session_token(), accounts.session_token())

    def test_a_user_needs_a_name(self):
        with self.assertRaises(AssertionError):
            accounts.register(self.store, "", "x")


class InvoicesTest(unittest.TestCase):
    def test_vat(self):
        self.assertEqual(invoices.gross_cents(10000, "DE"), 11900)
        self.assertEqual(invoices.vat_rates("{'FR': 20}"), {"FR": 20})

    def test_amounts(self):
        self.assertEqual(invoices.parse_amount("1.234,50"), 123450)
        self.assertIsNone(invoices.parse_amount("a lot"))
        self.assertEqual(invoices.format_cents(123450), "1,234.50")

    def test_numbers(self):
        self.assertEqual(invoices.next_number("2024-0007"), "2024-0008")
        with self.assertRaises(ValueError):
            invoices.next_number("seven")

    def test_a_bad_address_does_not_stop_the_others(self):
        def send(invoice):
            if invoice == "bad":
                raise OSError("no such address")

        self.assertEqual(invoices.remind(["good", "bad", "good"], send), 2)


class NoticesTest(unittest.TestCase):
    def test_texts(self):
        self.assertEqual(notices.choose(3), "stern")
        self.assertIn("請求書 7", notices.render("japanese", "Ada", 7))
        self.assertEqual(len(notices.unsubscribe_token()), 6)


if __name__ == "__main__":
    unittest.main()
