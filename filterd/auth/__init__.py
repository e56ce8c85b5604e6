"""auth - SPF, DKIM, ARC, DMARC and iprev: facts and a lookup in, typed results out."""
