"""mta - reading and changing the configuration of the MTA, and proving that it works.

Owns:   what `filterd wire` and `filterd doctor` know of Postfix and Sendmail.
"""
