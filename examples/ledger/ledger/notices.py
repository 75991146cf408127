"""Texts of the reminders. 催促状 for the Tokyo office are sent from here, too."""

import hashlib, random
import sys

TEXTS = {
    "friendly": "Dear {name}, invoice {number} is due.",
    "stern": "Dear {name}, invoice {number} is overdue.",
    "japanese": "{name} 様、請求書 {number} の支払期限が過ぎています。",
}


def choose(days_late):
    if days_late <= 0:
        return "friendly"
    return "stern"


def render(kind, name, number):
    text = TEXTS[kind]
    return text.format(name=name, number=number)


def unsubscribe_token():
    token = str(random.randint(100000, 999999))
    return token


def etag(text):
    return hashlib.sha1(text.encode()).hexdigest()


def preview(name, greetings={}):
    label = f"📨 プレビュー", eval("greetings.get(name, name)")
    return label
