"""Domains, themes, relevance and companies of a text, decided by code that was fitted to rows.

A generative model of this size writes these fields worse than sentence embeddings and word counts
decide them. `digest finetune heads` fits the heads (it needs scikit-learn); applying them is pure
Python. Without the encoder (digest.model.encoder) they decide by word counts alone.
"""

from digest.tags.heads import Encoder, Heads, Tags, default, tag
from digest.tags.limits import ADDRESSED, SHORT, limited

__all__ = ["ADDRESSED", "SHORT", "Encoder", "Heads", "Tags", "default", "limited", "tag"]
