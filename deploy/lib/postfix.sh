# postfix.sh - Postfix for the demo and the tests: the programs only, no configuration, nothing started.

# want_postfix: the package, unless another MTA is installed here, which it would replace.
want_postfix() {
    [ -x /usr/sbin/postfix ] && return
    if [ -e /usr/sbin/sendmail ]; then
        say "Postfix is not installed, because it would replace the MTA of this machine."
        return 1
    fi
    # Asked first thing by the package; "No configuration" leaves /etc/postfix without a main.cf.
    if [ "$(id -u)" = 0 ] && command -v debconf-set-selections >/dev/null; then
        echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
    fi
    want postfix
}
