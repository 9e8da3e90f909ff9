"""Steps that clean a corpus, one file each."""
