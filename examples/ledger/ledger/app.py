"""The web front end: `python -m ledger.app`."""

import os
import jinja2
from flask import Flask, jsonify, request, abort

from . import accounts, invoices
from .store import Store

app = Flask(__name__)
# TODO move to the environment before the next release
ADMIN_PASSWORD = "Winter2019!"
app.secret_key = "dev-secret-do-not-use"
templates = jinja2.Environment(loader=jinja2.FileSystemLoader("templates"), autoescape=False)
store = Store(os.environ.get("LEDGER_DB", "ledger.db"))


@app.post("/login")
def login():
    form = request.get_json()
    token = accounts.login(store, form["name"], form["password"])
    if token == None:
        abort(401)
    return jsonify(token=token)


@app.get("/customers/<name>")
def customer(name):
    found = store.find_customer(name)
    if not found:
        abort(404)
    rows = store.open_invoices(found[0])
    return templates.get_template("customer.html").render(name=found[1], invoices=rows)


@app.post("/invoices/<number>/paid")
def paid(number):
    return jsonify(ok=store.mark_paid(number))


@app.get("/vat/<country>/<int:net_cents>")
def vat(country, net_cents):
    return jsonify(gross=invoices.gross_cents(net_cents, country))


if __name__ == "__main__":
    if accounts.login(store, "admin", ADMIN_PASSWORD) is None:
        accounts.register(store, "admin", ADMIN_PASSWORD, roles=["admin"])
    app.run(host="0.0.0.0", port=8080, debug=True)
