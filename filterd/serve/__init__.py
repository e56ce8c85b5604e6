"""serve - sockets, the master process, its workers."""
