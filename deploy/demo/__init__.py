"""demo - a private Postfix, our service, a local zone, and a dozen telling messages.

Owns:   what `deploy/run --demo` runs, and the private servers that the stories use too.
"""
