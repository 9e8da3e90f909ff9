"""What the Snakefile asks; every touch of Snakemake itself is in snakemake_api.py."""
