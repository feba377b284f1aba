#!/usr/bin/env bash
# Puts atheris beside .venv, into .fuzz-packages, from its own hash-locked file: it has wheels for some Pythons only.
# Status 1 where there is none for this one; the fuzzing then goes by mutation. Does nothing when it is up to date.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
wanted=$(sha256sum <"$ROOT/requirements-fuzz.lock")
if [ "$(cat "$ROOT/.fuzz-packages/.stamp" 2>/dev/null)" != "$wanted" ]; then
    printf 'setup: atheris into .fuzz-packages, every hash checked\n' >&2
    rm -rf "$ROOT/.fuzz-packages"
    "$ROOT/.venv/bin/python" -m pip --disable-pip-version-check --no-input --quiet install --only-binary :all: \
        --no-deps --require-hashes --target "$ROOT/.fuzz-packages" -r "$ROOT/requirements-fuzz.lock" || exit 1
    printf '%s\n' "$wanted" >"$ROOT/.fuzz-packages/.stamp"
fi
