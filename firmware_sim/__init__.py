"""A battery lock, honestly imperfect: from the written lock protocol, sharing no code with the server."""
