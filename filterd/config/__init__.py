"""config - filterd.toml and conf.d into one frozen tree of settings."""
