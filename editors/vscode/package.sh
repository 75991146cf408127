#!/usr/bin/env bash
# Builds codefactory.vsix for this machine's platform and says what fills it. Needs the Node modules (`npm ci`).
set -euo pipefail
cd "$(dirname "$0")"
limit=37000000
python3 bundle.py
bundled=$SECONDS
npm run --silent check
node l10n.mjs --check
node esbuild.mjs --production
target=$(python3 -c 'import bundle; print(bundle.this_platform())')
npx --no-install vsce package --no-dependencies --allow-missing-repository --no-rewrite-relative-links --target "$target" -o codefactory.vsix >/dev/null
size=$(wc -c <codefactory.vsix)
echo "codefactory.vsix took $SECONDS s, $bundled of them for the Python packages."
echo "codefactory.vsix: $((size / 1000)) kB for $target; compressed, in kB:"
python3 - codefactory.vsix <<'END' | sort -rn | head -14
import collections, sys, zipfile
sums = collections.Counter()
for entry in zipfile.ZipFile(sys.argv[1]).infolist():
    parts = entry.filename.split("/")[1:]
    sums["/".join(parts[1:3]) if parts[:1] == ["bundled"] and len(parts) > 2 else "/".join(parts[:1])] += entry.compress_size
for name, size in sums.items():
    print(size // 1000, name)
END
if [ "$size" -ge "$limit" ]; then
  echo "That is more than $((limit / 1000)) kB." >&2
  exit 1
fi
