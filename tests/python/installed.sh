#!/bin/sh
# SPDX-License-Identifier: MIT
# installed.sh SOURCE PYTHON [BUILD]: install BUILD, which was configured with -Dzfec_name=enabled,
# below a private folder, and run the tests on what was installed, under both names. Without BUILD
# the sources are configured and built once more. Prints TAP.
set -eu

source=$1 python=$2 build=${3-}
work=$(mktemp -d "${TMPDIR:-/tmp}/sherd-installed.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

{
    if [ -n "$build" ]; then
        meson install -C "$build" --no-rebuild --destdir "$work/dest"
    else
        meson setup "$work/build" "$source" --prefix "$work/dest" -Dzfec_name=enabled \
            -Dpython=enabled -Dtests=false -Dman=disabled -Dbench=false -Dfuzz=off
        meson install -C "$work/build"
    fi
} >"$work/log" 2>&1 || {
    sed 's/^/# /' "$work/log"
    echo "Bail out! the package cannot be built and installed"
    exit 1
}

extension=$(find "$work/dest" -name _fec.abi3.so)
packages=${extension%/sherd/zfec/_fec.abi3.so}
if [ ! -d "$packages/sherd" ] || [ ! -d "$packages/zfec" ]; then
    find "$work/dest" | sed 's/^/# /'
    echo "Bail out! the packages are not where they should be"
    exit 1
fi

# The source and build folders are out of sight: only what was installed is found.
cd "$work"
export PYTHONPATH="$packages" PYTHONDONTWRITEBYTECODE=1
export SHERD_GOLDEN="$source/tests/golden" SHERD_TOOLS="$(dirname "$(find "$work/dest" -name zunfec -type f)")"

status=0
for package in sherd.zfec zfec; do
    echo "# package $package"
    SHERD_PYTHON_PACKAGE=$package "$python" -W error "$source/tests/python/run_tests.py" >"$package.tap" ||
        status=1
    grep -v '^1\.\.' "$package.tap" | sed "s/^\(not ok\|ok\) [0-9]* - /\1 - $package /"
done

symbols=$(nm -D --defined-only "$extension" | awk '{ print $3 }')
if [ "$symbols" = PyInit__fec ]; then
    echo "ok - the extension shows PyInit__fec and nothing else"
else
    echo "not ok - the extension shows PyInit__fec and nothing else"
    echo "$symbols" | sed 's/^/# /'
    status=1
fi
echo "1..$(($(cat ./*.tap | grep -c '^\(not \)*ok') + 1))"
exit $status
