# unpack.sh - Debian packages unpacked beside the system: programs that must not, or need not, be installed.
#
# Sendmail's package conflicts with Postfix's; Prometheus' would bring a server for the sake of one checker.

# unpack NAME PROGRAM PACKAGE... : the packages into $state/NAME, once; PROGRAM is a file of theirs.
unpack() {
    local name="$1" program="$2" folder="$state/$1" fresh package
    shift 2
    [ -x "$folder/$program" ] && return
    fresh="$(mktemp -d "${TMPDIR:-/tmp}/filterd-unpack-XXXXXX")"
    chmod 755 "$fresh"
    if ! (cd "$fresh" && download "$@") >"$state/$name.log" 2>&1 </dev/null; then
        tail -n 5 "$state/$name.log" >&2
        say "$name is not to be had: its tests will be skipped."
        rm -rf "$fresh"
        return 1
    fi
    for package in "$fresh"/*.deb; do
        dpkg-deb -x "$package" "$fresh/root"
    done
    rm -rf "$folder"
    mv "$fresh/root" "$folder"
    rm -rf "$fresh"
}

# download PACKAGE... : into the current folder; fresh package lists only if the known ones do not do.
download() {
    apt-get download "$@" && return
    [ "$(id -u)" = 0 ] && apt-get update && apt-get download "$@"
}

# Libraries of sendmail-bin that Postfix need not have brought, and the macro processor for sendmail.cf.
want_sendmail_libraries() {
    local library
    for library in libdb5.3 libldap-2.5-0 liblockfile1 libnsl2 libsasl2-2 libwrap0 m4; do
        dpkg-query -W -f '${Status}\n' "$library" 2>/dev/null | grep -q '^install ok' || want "$library"
    done
}
