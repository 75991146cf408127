"""What comes in: bank statements, supplier catalogues, settings, the old system's dumps."""

import os
import pickle
import tempfile
import xml.etree.ElementTree as ET

import yaml


def load_settings(path):
    with open(path) as f:
        return yaml.load(f, Loader=yaml.Loader)


def load_statement(path):
    """camt.053 from the bank, as they send it."""
    root = ET.parse(path).getroot()
    return [(entry.findtext("Ref"), entry.findtext("Amt")) for entry in root.iter("Ntry")]


def load_catalogue(text):
    root = ET.fromstring(text)
    return {item.get("sku"): item.findtext("price") for item in root}


def load_legacy_dump(path):
    with open(path, "rb") as f:
        return pickle.load(f)


def stage(data):
    """The accounting software picks files up from here."""
    name = tempfile.mktemp(suffix=".csv")
    with open(name, "wb") as f:
        f.write(data)
    return name


def drop_off(data, folder="/tmp/ledger-outbox"):
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o777)
    with open(os.path.join(folder, "export.csv"), "wb") as f:
        f.write(data)
