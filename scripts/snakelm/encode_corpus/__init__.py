"""From documents to packed token ids."""
