"""What modules do on a managed host: boot the LMS, record runs, read /proc, query memcached. Python 3.8, standard library."""
