# machine.sh - what run, test and lock share: where things are, what is missing, the virtual environment.
#
# Sourced by bash scripts in deploy/ after `root` is set to the root of the checkout.
# Nothing is installed that is there already; apt-get is called once, with everything that is missing.

state="$root/.state"
venv="$root/.venv"
missing=() # Debian packages

say() { printf '%s\n' "$*" >&2; }

die() {
    say "$(basename "$0"): $*"
    exit 1
}

# The interpreter that makes the environment: CPython 3.11 or later, the distribution's before one in PATH. A
# distribution builds it with profile and link-time optimisation, pyenv and the like do not: 17 % of the CPU of
# a message.
find_python() {
    local name
    for name in ${PYTHON:-} /usr/bin/python3.11 /usr/bin/python3 python3.11 python3 python3.12 python3.13; do
        if command -v "$name" >/dev/null &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null &&
            { can_install || is_complete "$name"; }; then
            command -v "$name"
            return
        fi
    done
    return 1
}

# is_complete PYTHON : can it make an environment and compile for it?
is_complete() { has_venv "$1" && has_headers "$1"; }
has_venv() { "$1" -c 'import venv, ensurepip' 2>/dev/null; }
has_headers() {
    "$1" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))'
}

# can_install : may packages be installed here?
can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

# want PACKAGE... : note Debian packages to install.
want() { missing+=("$@"); }

# needs PROGRAM PACKAGE... : note the packages unless the program is there.
needs() {
    local program="$1"
    shift
    PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null || want "$@"
}

# want_toolchain: what compiling pymilter takes. Looks for the things, not for the packages.
want_toolchain() {
    local python
    if python="$(find_python)"; then
        has_venv "$python" || want python3-venv
        has_headers "$python" || want python3-dev
    else
        want python3 python3-venv python3-dev
    fi
    needs cc gcc libc6-dev
    [ -e /usr/include/stdio.h ] || want libc6-dev
    [ -e /usr/include/libmilter/mfapi.h ] || want libmilter-dev
    [ -e /etc/ssl/certs/ca-certificates.crt ] || want ca-certificates
}

# install_missing: everything wanted so far, or the command that an administrator has to type.
install_missing() {
    [ "${#missing[@]}" -gt 0 ] || return 0
    local packages
    packages="$(printf '%s\n' "${missing[@]}" | sort -u | tr '\n' ' ')"
    packages="${packages% }"
    missing=()
    if ! can_install; then
        say "Not installed here: $packages"
        say "As root, type:  apt-get update && apt-get install -y --no-install-recommends $packages"
        return 1
    fi
    say "Installing $packages ..."
    export DEBIAN_FRONTEND=noninteractive
    mkdir -p "$state"
    trap allow_services EXIT
    forbid_services
    # shellcheck disable=SC2086 # one word a package
    if ! { apt-get update && apt-get install -y --no-install-recommends $packages; } \
        >"$state/apt.log" 2>&1 </dev/null; then
        allow_services
        tail -n 20 "$state/apt.log" >&2
        say "apt-get did not install: $packages (all of its output: $state/apt.log)"
        return 1
    fi
    allow_services
}

# What is installed here is for its programs: no package may start a service of its own meanwhile
# (invoke-rc.d asks this file, see /usr/share/doc/init-system-helpers/README.policy-rc.d.gz).
policy=/usr/sbin/policy-rc.d
forbid_services() {
    [ -e "$policy" ] && return
    printf '#!/bin/sh\n# made by filterd, removed by it\nexit 101\n' >"$policy"
    chmod +x "$policy"
}

allow_services() {
    if grep -qs 'made by filterd' "$policy"; then rm -f "$policy"; fi
}

# make_venv LOCK : .venv/ with exactly what the lock says; at once if it has it already.
make_venv() {
    local lock="$1" python stamp
    stamp="$venv/installed.lock"
    if [ -x "$venv/bin/python" ] && has_lock "$lock" "$stamp"; then
        # a checkout that was moved since
        [ "$(cat "$venv/root" 2>/dev/null)" = "$root" ] || put_project_on_path
        return
    fi
    want_toolchain
    install_missing || exit 1
    python="$(find_python)" || die "no CPython 3.11 or later (set PYTHON)"
    say "Making .venv from $(basename "$lock") (a minute or two, once) ..."
    mkdir -p "$state"
    {
        [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
        # sdists are built with the locked setuptools, not with whatever is newest today
        pip_install -r "$root/deploy/requirements-build.lock" &&
            pip_install --no-build-isolation -r "$lock"
    } >"$state/pip.log" 2>&1 </dev/null || {
        tail -n 20 "$state/pip.log" >&2
        die "pip did not install $(basename "$lock") (all of its output: $state/pip.log)"
    }
    put_project_on_path
    cp "$lock" "$stamp"
}

# has_lock LOCK STAMP : is that what was installed? The test lock holds all of the run lock, in the same
# versions, so that going from tests to service installs nothing.
has_lock() {
    cmp -s "$1" "$2" && return
    [ "$1" = "$root/deploy/requirements.lock" ] && cmp -s "$root/deploy/requirements-test.lock" "$2"
}

pip_install() {
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --require-hashes "$@"
}

# The project runs from the checkout: a path file and the command, no build, nothing left in the tree.
put_project_on_path() {
    local site
    site="$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
    printf '%s\n' "$root" >"$site/filterd.pth"
    printf '#!/bin/sh\nexec "%s/bin/python" -m filterd "$@"\n' "$venv" >"$venv/bin/filterd"
    chmod +x "$venv/bin/filterd"
    printf '%s\n' "$root" >"$venv/root"
}
