"""What modules do on a managed host: start the LMS, keep runs, read /proc, ask memcached. Python 3.8, standard library."""
