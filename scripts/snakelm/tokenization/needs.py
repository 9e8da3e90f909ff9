"""What an objective of pretraining may need of a tokenizer, beyond the pad token that batches need."""

from __future__ import annotations

from typing import Literal

TokenNeed = Literal["mask", "end", "sentinels"]
"""A mask token; a token that ends a text; numbered sentinels <extra_id_0>, … or a mask token in their place."""
