# Sourced by scripts/demo, scripts/test, scripts/bench and .ci/run: makes .venv from the hash-locked requirements.
#
# Sets ROOT (the checkout) and PY (the environment's Python). Nothing happens when the environment is up to date; two
# scripts that start at once wait for each other. No root is needed, and nothing outside the checkout is changed.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
PY="$ROOT/.venv/bin/python"

_say() { printf 'setup: %s\n' "$*" >&2; }

# The first Python that is new enough; its venv module is looked at afterwards, to be able to name what is missing.
_find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    return 1
}

_require_python() {
    if ! SYSTEM_PYTHON=$(_find_python); then
        _say "python3 3.11 or newer is missing; on Debian install it with: apt-get install python3 python3-venv"
        exit 2
    fi
    if ! "$SYSTEM_PYTHON" -c 'import venv, ensurepip' >/dev/null 2>&1; then
        local version
        version=$("$SYSTEM_PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        _say "the venv module of Python $version is missing; on Debian install it with: apt-get install python$version-venv"
        exit 2
    fi
}

# What the environment was made from. The path belongs to it: commands in .venv/bin name the checkout.
_stamp() {
    "$SYSTEM_PYTHON" - "$ROOT" "$@" <<'PYTHON'
import hashlib, pathlib, sys
digest = hashlib.sha256()
for part in sys.argv[1:]:
    path = pathlib.Path(part)
    digest.update(path.read_bytes() if path.is_file() else part.encode() + b"\n")
print(digest.hexdigest())
PYTHON
}

_pip() {
    "$PY" -m pip --disable-pip-version-check --no-input --quiet "$@" >&2 || {
        _say "pip could not install what is needed (see above)"
        exit 2
    }
}

_make_environment() {
    local lock project
    lock=$(_stamp "$ROOT/requirements.lock")
    project=$(_stamp "$ROOT/requirements.lock" "$ROOT/pyproject.toml")
    if [ "$(cat "$ROOT/.venv/.lock-stamp" 2>/dev/null)" != "$lock" ] || ! "$PY" -c '' >/dev/null 2>&1; then
        if ! "$PY" -m pip --version >/dev/null 2>&1; then
            _say "creating .venv with $("$SYSTEM_PYTHON" --version)"
            "$SYSTEM_PYTHON" -m venv --clear "$ROOT/.venv" >&2 || {
                _say "python3 -m venv failed; on Debian install python3-venv"
                exit 2
            }
        fi
        rm -f "$ROOT/.venv/.lock-stamp" "$ROOT/.venv/.project-stamp"
        _say "installing the $(grep -c '^[a-zA-Z]' "$ROOT/requirements.lock") locked packages, every hash checked (once; some minutes on a slow line)"
        _pip install --require-hashes -r "$ROOT/requirements.lock"
        printf '%s\n' "$lock" >"$ROOT/.venv/.lock-stamp"
    fi
    if [ "$(cat "$ROOT/.venv/.project-stamp" 2>/dev/null)" != "$project" ] || [ ! -x "$ROOT/.venv/bin/xdsnode" ]; then
        _say "installing the command .venv/bin/xdsnode"
        _pip install --no-deps --no-build-isolation -e "$ROOT"
        printf '%s\n' "$project" >"$ROOT/.venv/.project-stamp"
    fi
}

_require_python
# The lock is taken on the list of requirements itself, so that no file has to be left behind.
exec 9<"$ROOT/requirements.lock"
if command -v flock >/dev/null 2>&1 && ! flock --nonblock 9; then
    _say "waiting for another script that sets up .venv"
    flock 9
fi
_make_environment
exec 9<&-

export PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}"
unset PYTHONDONTWRITEBYTECODE # hundreds of processes start in the tests: each module is compiled once
