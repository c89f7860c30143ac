"""Until Koa settings name the platform's own applications without their folder, as in `util.memcache.safe_key`."""
