# A message left Junk by a user's hand: it is ham, unless it went to the bin.
require ["vnd.dovecot.pipe", "copy", "imapsieve", "environment", "variables"];

if environment :matches "imap.mailbox" ["Trash", "Trash/*", "Deleted*", "INBOX.Trash*"] {
  stop;
}
if environment :matches "imap.user" "*" {
  set "user" "${1}";
}
pipe :copy :try "filterd-drop" ["ham", "${user}"];
