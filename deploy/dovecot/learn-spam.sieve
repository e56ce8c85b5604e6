# A message came into Junk by a user's hand (moved, copied or appended): it is spam.
require ["vnd.dovecot.pipe", "copy", "imapsieve", "environment", "variables"];

if environment :matches "imap.user" "*" {
  set "user" "${1}";
}
pipe :copy :try "filterd-drop" ["spam", "${user}"];
