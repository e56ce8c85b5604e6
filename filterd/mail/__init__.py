"""mail - what mail is: bytes, header, parts, links. No I/O, no clock, no settings."""
