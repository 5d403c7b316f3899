"""Domains, themes, relevance and companies of a text, decided by code that was fitted to rows.

A generative model of this size writes these fields worse than sentence embeddings and word counts
decide them. `digest finetune heads` fits the heads (it needs scikit-learn); applying them is pure
Python. Without the encoder (digest.model.encoder) they decide by word counts alone.
"""

from digest.tags.heads import Heads, Tags, default, tag

__all__ = ["Heads", "Tags", "default", "tag"]
