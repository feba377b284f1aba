#!/usr/bin/env bash
# Makes .venv-security with sslyze, which needs an older cryptography than the node: an environment of its own, from its
# own hash-locked file. Does nothing when it is up to date.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
wanted=$(sha256sum <"$ROOT/requirements-security.lock")
if [ "$(cat "$ROOT/.venv-security/.stamp" 2>/dev/null)" != "$wanted" ]; then
    printf 'setup: creating .venv-security with sslyze, every hash checked\n' >&2
    "$ROOT/.venv/bin/python" -m venv --clear "$ROOT/.venv-security"
    "$ROOT/.venv-security/bin/python" -m pip --disable-pip-version-check --no-input --quiet install \
        --require-hashes -r "$ROOT/requirements-security.lock"
    printf '%s\n' "$wanted" >"$ROOT/.venv-security/.stamp"
fi
