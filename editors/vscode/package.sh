#!/usr/bin/env bash
# Builds codefactory.vsix for this machine's platform and says what fills it. Needs the Node modules (`npm ci`).
set -euo pipefail
cd "$(dirname "$0")"
limit=37000000
python3 bundle.py
npm run --silent check
node l10n.mjs --check
node esbuild.mjs --production
target=$(python3 -c 'import bundle; print(bundle.this_platform())')
npx --no-install vsce package --no-dependencies --allow-missing-repository --no-rewrite-relative-links --target "$target" -o codefactory.vsix >/dev/null
size=$(wc -c <codefactory.vsix)
echo "codefactory.vsix: $((size / 1000)) kB for $target; compressed, in kB:"
unzip -v codefactory.vsix | awk '$3 ~ /^[0-9]+$/ { split($8, part, "/"); key = part[3] == "" ? part[2] : part[3] "/" part[4]; sum[key] += $3 }
  END { for (key in sum) print int(sum[key] / 1000), key }' | sort -rn | head -12
if [ "$size" -ge "$limit" ]; then
  echo "That is more than $((limit / 1000)) kB." >&2
  exit 1
fi
