"""frontends.http - the scanner over HTTP."""
