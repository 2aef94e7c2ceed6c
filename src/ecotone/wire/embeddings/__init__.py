"""Embeddings in the forms of those who have them. All meet in `ecotone.values.embeddings`.

A form's name is what `ecotone.upstream.operations` calls it.
"""

from collections.abc import Mapping

from ecotone.wire.embeddings import cohere, gemini, ollama, openai
from ecotone.wire.embeddings.form import ClientForm, UpstreamForm

CLIENT_FORMS: Mapping[str, ClientForm] = {
    "openai": openai.CLIENT,
    "gemini": gemini.BATCH_CLIENT,
    "gemini-single": gemini.SINGLE_CLIENT,
    "vertex": gemini.PREDICT_CLIENT,
    "cohere": cohere.CLIENT,
    "ollama": ollama.CLIENT,
    "ollama-old": ollama.OLD_CLIENT,
}
UPSTREAM_FORMS: Mapping[str, UpstreamForm] = {
    "openai": openai.UPSTREAM,
    "gemini": gemini.BATCH_UPSTREAM,
    "gemini-single": gemini.SINGLE_UPSTREAM,
    "vertex": gemini.PREDICT_UPSTREAM,
    "cohere": cohere.UPSTREAM,
}

__all__ = ["CLIENT_FORMS", "UPSTREAM_FORMS", "ClientForm", "UpstreamForm"]
