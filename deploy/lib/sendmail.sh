# sendmail.sh - Sendmail for the tests, unpacked beside Postfix: its package conflicts with Postfix's.

# Libraries of sendmail-bin that Postfix need not have brought, and the macro processor for sendmail.cf.
want_sendmail_libraries() {
    local library
    for library in libdb5.3 libldap-2.5-0 liblockfile1 libnsl2 libsasl2-2 libwrap0 m4; do
        dpkg-query -W -f '${Status}\n' "$library" 2>/dev/null | grep -q '^install ok' || want "$library"
    done
}

# unpack_sendmail: into $state/sendmail, once a version. Needs the package lists (install_missing).
unpack_sendmail() {
    local folder="$state/sendmail" fresh
    [ -x "$folder/usr/libexec/sendmail/sendmail" ] && return
    fresh="$(mktemp -d "${TMPDIR:-/tmp}/filterd-unpack-XXXXXX")"
    chmod 755 "$fresh"
    if ! (cd "$fresh" && apt-get download sendmail-bin sendmail-cf || {
        [ "$(id -u)" = 0 ] && apt-get update && apt-get download sendmail-bin sendmail-cf
    }) >"$state/sendmail.log" 2>&1 </dev/null; then
        tail -n 5 "$state/sendmail.log" >&2
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
