"""The stage fetch_corpus: any source of text becomes one parquet file per split."""
