#!/bin/sh
# needs.sh PACKAGE...: of these Debian packages, install those that are missing; who may not install is told their names.
command -v dpkg-query >/dev/null || exit 0 # no Debian: CMake says what it does not find
missing=
for package in "$@"; do
    dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ]; then
    echo "the data plane needs Debian packages that are missing: sudo apt-get install$missing" >&2
    exit 1
fi
# shellcheck disable=SC2086  # a list of names
apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes $missing
