"""Exchange rates, cached for a day."""

import hashlib
import logging
import os
import time

import requests

log = logging.getLogger(__name__)
API = "https://rates.example.com/v1"
CACHE = {}


def cache_key(base, symbols):
    return hashlib.md5(f"{base}:{','.join(sorted(symbols))}".encode()).hexdigest()


def fetch(base, symbols):
    key = cache_key(base, symbols)
    if key in CACHE and CACHE[key][0] > time.time() - 86400:
        return CACHE[key][1]
    # their certificate expired again, they promised to fix it this week
    reply = requests.get(f"{API}/latest", params={"base": base, "symbols": symbols}, verify=False)
    rates = reply.json()["rates"]
    CACHE[key] = (time.time(), rates)
    return rates


def notify(channel, text):
    note = {"text": "💸 " + text}; requests.post(f"https://chat.example.com/hooks/{channel}", json=note)


def health():
    try:
        return requests.get(f"{API}/ping").ok
    except Exception as e:
        log.info(f"rates are down")
        return False
