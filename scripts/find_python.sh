#!/bin/sh
# Prints a Python that can make the environments; otherwise one line (what, why, the fix) and exit code 2.
# PYTHON=name chooses one; else the one that made .venv is kept.

fits() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

stop() {
    echo "teamsbot: $1" >&2
    exit 2
}

if [ -n "$PYTHON" ]; then
    fits "$PYTHON" || stop "PYTHON=$PYTHON cannot be used: it is missing or older than 3.11. Name another: PYTHON=python3.12 make run"
    found=$PYTHON
else
    for found in .venv/bin/python python3 python3.14 python3.13 python3.12 python3.11 ''; do
        [ -n "$found" ] && fits "$found" && break
    done
    [ -n "$found" ] || stop "Python 3.11 or newer is missing: python3 here is $(python3 -V 2>/dev/null || echo absent). Install one, then name it: PYTHON=python3.12 make run"
fi

for module in venv ensurepip ssl sqlite3; do
    "$found" -c "import $module" >/dev/null 2>&1 || stop "$found has no module $module, which this needs. On Debian and Ubuntu: apt install python3-venv python3; elsewhere take another Python: PYTHON=python3.12 make run"
done
echo "$found"
