#!/usr/bin/perl -T
# What SpamAssassin's own rules hit, without network: reads file names, prints "file<TAB>NAME,NAME,...".
use strict;
use warnings;
use Mail::SpamAssassin;

$| = 1;
my $home = $ENV{FILTERD_SA_HOME} =~ /^([\w\/.-]+)$/ ? $1 : '/tmp';
my $sa = Mail::SpamAssassin->new({
    local_tests_only     => 1,
    dont_copy_prefs      => 1,
    userprefs_filename   => '/dev/null',
    home_dir_for_helpers => $home,
    userstate_dir        => $home,
    post_config_text     => "use_bayes 0\nuse_auto_welcomelist 0\nskip_rbl_checks 1\n",
});
while (my $file = <STDIN>) {
    chomp $file;
    open my $handle, '<', $file or next;
    binmode $handle;
    my $text = do { local $/; <$handle> };
    close $handle;
    my $mail = $sa->parse($text, 0);
    my $status = $sa->check($mail);
    my %names = map { $_ => 1 } grep { $_ ne '' }
        split(/,/, $status->get_names_of_tests_hit()),
        split(/,/, $status->get_names_of_subtests_hit());
    print "$file\t", join(',', sort keys %names), "\n";
    $status->finish;
    $mail->finish;
}
