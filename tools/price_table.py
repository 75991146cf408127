"""Write the bundled price table from the one in the litellm that is installed: `python tools/price_table.py`.

litellm's table (MIT) has thousands of rows and is 3 MB; the common providers' chat models are enough to tell what a
call may cost before litellm is imported. A model without a price for both directions, or with a price of 0, is left
out: it stays unknown.
"""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
import re
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "pipelines/codefactory/pipelines/models/prices.json"
PROVIDERS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "gemini": "gemini",
    "deepseek": "deepseek",
    "mistral": "mistral",
    "groq": "groq",
    "xai": "xai",
    "cohere_chat": "cohere",
}
"""litellm's name of a provider → the one that begins a model's name."""
OTHER_KINDS = re.compile(
    r"audio|tts|lyria|robotics|omni|image|voxtral|guard|computer-use|search|deep-research|realtime|^ft:"
)
TIER = re.compile(r"input_cost_per_token_above_(\d+)k_tokens")
FIELDS = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cached",
    "cache_creation_input_token_cost": "cache_write",
}


def main() -> int:
    path = Path(str(importlib.metadata.distribution("litellm").locate_file("litellm"))) / (
        "model_prices_and_context_window_backup.json"
    )
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    models: dict[str, dict[str, Any]] = {}
    for name, row in json.loads(path.read_text(encoding="utf-8")).items():
        provider = PROVIDERS.get(row.get("litellm_provider"))
        if not provider or row.get("mode") not in ("chat", "responses") or OTHER_KINDS.search(name):
            continue
        if row.get("deprecation_date", "9999") > today and (entry := price_entry(row)):
            models[f"{provider}/{name.removeprefix(f'{provider}/')}"] = entry
    table = {
        "source": f"litellm {importlib.metadata.version('litellm')}, {path.name}",
        "date": today,
        "unit": "USD per million tokens",
        "models": dict(sorted(models.items())),
    }
    lines = [f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in table.pop("models").items()]
    head = json.dumps(table, indent=1).removesuffix("\n}")
    TARGET.write_text(f'{head},\n "models": {{\n' + ",\n".join(lines) + "\n }\n}\n", encoding="utf-8")
    print(f"{len(models)} models, {TARGET.stat().st_size:,} bytes: {TARGET}")
    return 0


def price_entry(row: dict[str, Any]) -> dict[str, Any] | None:
    """The row in our words; None for one that says no price."""
    entry = per_million(row, "")
    if not entry.get("input") or not entry.get("output"):
        return None
    if isinstance(context := row.get("max_input_tokens"), int):
        entry["context"] = context
    tiers = sorted(int(found[1]) for key in row if (found := TIER.fullmatch(key)))
    if tiers:
        entry["above"] = [{"tokens": k * 1000} | per_million(row, f"_above_{k}k_tokens") for k in tiers]
    return entry


def per_million(row: dict[str, Any], suffix: str) -> dict[str, Any]:
    return {
        short: round(value * 1e6, 6)
        for name, short in FIELDS.items()
        if isinstance(value := row.get(name + suffix), int | float)
    }


if __name__ == "__main__":
    sys.exit(main())
