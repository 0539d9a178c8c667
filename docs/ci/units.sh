#!/bin/sh
# Work units tested in real browsers, for any CI with Debian or Ubuntu: run it in the project's folder.
set -eu
python3 -m venv .venv
. .venv/bin/activate
pip install --upgrade pip  # units with dependencies need 23.1, Debian 12 has 23.0
pip install "disio[testing]"
command -v chromium || command -v google-chrome || {
  if [ "$(id -u)" = 0 ]; then apt-get update && apt-get install -y chromium; else playwright install chromium; fi
}
pytest --junitxml report.xml
