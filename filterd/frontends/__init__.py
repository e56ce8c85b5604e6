"""frontends - milter, HTTP and command line: adapters, each ignorant of the others."""
